using System.IO.Compression;
using MeLo.Edge.Imaging;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class NpzSourceTests
{
    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void GrayPictures_CarryTheirSplits(CompressionLevel compression)
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], compression, Npz.Gray(4, [0, 1, 0, 1], [1, 0], [0, 1, 1]));
        Dataset dataset = Open(folder);

        Assert.Equal(["0", "1"], dataset.Labels);
        Assert.Equal(["train/0", "train/1", "train/2", "train/3", "val/0", "val/1", "test/0", "test/1", "test/2"], dataset.Samples.Select(s => s.Id));
        Assert.Equal([0, 1, 2, 3], Splits.Of(dataset, new SplitOptions()).Train);
        PixelBuffer picture = dataset.Pictures.Read(4).Single();
        Assert.Equal((4, 4, 1), (picture.Width, picture.Height, picture.Channels));
        Assert.All(picture.Samples<byte>().ToArray(), p => Assert.Equal(10, p));
    }

    [Theory]
    [InlineData(400, 400, "")]
    [InlineData(100_000_000, 400, "…")]
    public void Notice_IsReadUpToALimit(int length, int read, string end)
    {
        using TemporaryFolder folder = new();
        string path = folder["set.npz"];
        Npz.Write(path, CompressionLevel.Optimal, Npz.Gray(4, [0, 1], [0, 1], [0, 1]));
        using (ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Update))
        using (Stream notice = zip.CreateEntry("NOTICE.txt").Open())
            notice.Write(Enumerable.Repeat((byte)'x', length).ToArray());
        Assert.Equal(new string('x', read) + end, Dataset.Open(path, new DatasetOptions()).Notice);
    }

    [Fact]
    public void LabelNames_AreGiven()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.Fastest, Npz.Gray(4, [0, 1], [0, 1], [0, 1]));
        Assert.Equal(["well", "sick"], Open(folder, new DatasetOptions { Labels = ["well", "sick"] }).Labels);
        Assert.Contains("found 2 classes, expected 3", Fault(folder, new DatasetOptions { Labels = ["a", "b", "c"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void ColourPictures_AreRgb()
    {
        using TemporaryFolder folder = new();
        byte[] pixels = [.. Enumerable.Range(0, 2 * 2 * 3 * 3).Select(i => (byte)i)];
        Npz.Write(folder["d.npz"], CompressionLevel.Fastest,
            ("train_images", Npz.Array("|u1", [2, 2, 3, 3], pixels)), ("train_labels", Npz.Array("<i8", [2], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])));
        Dataset dataset = Open(folder);
        Assert.Null(dataset.Volume);
        PixelBuffer picture = dataset.Pictures.Read(1).Single();
        Assert.Equal((3, 2, 3), (picture.Width, picture.Height, picture.Channels));
        Assert.Equal(pixels[18..], picture.Samples<byte>().ToArray());
    }

    [Fact]
    public void SeveralColumnsOfLabels_AreMultiLabel()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.Fastest,
            ("train_images", Npz.Array("|u1", [2, 2, 2], new byte[8])), ("train_labels", Npz.Array("|u1", [2, 3], [1, 0, 1, 0, 0, 0])));
        Dataset dataset = Open(folder);
        Assert.True(dataset.IsMultiLabel);
        Assert.Equal([1, 0, 1], dataset.Samples[0].Targets);
        Assert.Equal([0, 0, 0], dataset.Samples[1].Targets);
    }

    [Theory]
    [InlineData(nameof(VolumeAxes.Axial), null, "0,1,2,3,4,5,6,7;8,9,10,11,12,13,14,15;16,17,18,19,20,21,22,23", 4, 2)]
    [InlineData(nameof(VolumeAxes.Axial), 2, "0,1,2,3,4,5,6,7;16,17,18,19,20,21,22,23", 4, 2)]
    [InlineData(nameof(VolumeAxes.Axial), 1, "8,9,10,11,12,13,14,15", 4, 2)]
    [InlineData(nameof(VolumeAxes.Coronal), null, "0,1,2,3,8,9,10,11,16,17,18,19;4,5,6,7,12,13,14,15,20,21,22,23", 4, 3)]
    [InlineData(nameof(VolumeAxes.Sagittal), 1, "2,6,10,14,18,22", 2, 3)]
    public void Volumes_AreCutAlongTheAxis(string axes, int? count, string slices, int width, int height)
    {
        using TemporaryFolder folder = Volumes();
        Dataset dataset = Open(folder, new DatasetOptions { Axes = Enum.Parse<VolumeAxes>(axes), Slices = count });
        string[] expected = slices.Split(';');
        Assert.NotNull(dataset.Volume);
        Assert.Equal(expected.Length, dataset.Slices);
        for (int i = 0; i < expected.Length; i++)
        {
            PixelBuffer slice = dataset.Pictures.Read(1).ElementAt(i);
            Assert.Equal((width, height), (slice.Width, slice.Height));
            Assert.Equal(expected[i], string.Join(',', slice.Samples<byte>().ToArray()));
        }
    }

    [Fact]
    public void ThreeAxes_FollowEachOther()
    {
        using TemporaryFolder folder = Volumes();
        Dataset dataset = Open(folder, new DatasetOptions { Axes = VolumeAxes.All, Slices = 2 });
        Assert.Equal(6, dataset.Slices);
        Assert.Equal((4, 2), Size(0));
        Assert.Equal((4, 3), Size(2));
        Assert.Equal((2, 3), Size(5));
        Assert.Contains("expected 1 to 2 for volumes of 3 x 2 x 4", Fault(folder, new DatasetOptions { Axes = VolumeAxes.All, Slices = 3 }), StringComparison.Ordinal);
        Assert.Contains("expected 1 to 3", Fault(folder, new DatasetOptions { Slices = 0 }), StringComparison.Ordinal);

        (int, int) Size(int slice) => (dataset.Pictures.Read(0).ElementAt(slice).Width, dataset.Pictures.Read(0).ElementAt(slice).Height);
    }

    [Fact]
    public void OtherSlices_HaveAnotherDigest()
    {
        using TemporaryFolder folder = Volumes();
        string[] digests = [Open(folder).Digest, Open(folder, new DatasetOptions { Slices = 1 }).Digest, Open(folder, new DatasetOptions { Slices = 1, Axes = VolumeAxes.Coronal }).Digest];
        Assert.Equal(3, digests.Distinct().Count());
    }

    [Theory]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2, 2), }", "found elements of type |O")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }", "found elements of type <f4")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 2), }", "found an array of shape [2,2]")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2, 2), }", "found elements of type <u2, expected |u1")]
    [InlineData("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2), }", "Fortran's order")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 3), }", "found 136 bytes, expected 140 for |u1 [2,2,3]")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }", "expected 9223372036854775935")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 2, 2), }", "expected at most 8 dimensions below 2^31")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 2, 2), }", "expected at most 8 dimensions")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 8), }", "expected at most 8 dimensions")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2, 2), }", "expected some elements")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "expected some elements")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }", "found an array of shape [8]")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, }", "without descr, fortran_order or shape")]
    [InlineData("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), }", "found 'descr' in the header")]
    [InlineData("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (2, 2, 2), }", "expected '''")]
    [InlineData("{'descr': '|u1', 'fortran_order': 0, 'shape': (2, 2, 2), }", "expected True or False")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), } + exec", "expected the header's end")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2)", "expected '}'")]
    [InlineData("{'descr': '|u1", "expected the string's end")]
    [InlineData("", "expected '{'")]
    public void HeadersThatAreNotAnArraysOfPictures_AreRefused(string header, string reason)
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression, ("train_images", Npz.Raw(header, new byte[8])), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        Assert.Contains(reason, Fault(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void VersionsOfTheFormat_AreRead(byte version)
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression,
            ("train_images", Npz.Raw("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2)}", new byte[8], version)), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        Assert.Equal(2, Open(folder).Samples.Count);
    }

    [Theory]
    [InlineData("|u1", new int[] { 3, 1 }, new byte[] { 0, 1, 1 }, "found an array of shape [3,1], expected [2,1] or [2,classes]")]
    [InlineData("|u1", new int[] { 2, 2 }, new byte[] { 0, 1, 2, 0 }, "found 2 in row 1, expected 0 to 1")]
    [InlineData("|i1", new int[] { 2, 1 }, new byte[] { 0, 255 }, "found -1 in row 1, expected 0 to 999")]
    [InlineData("<u2", new int[] { 2, 1 }, new byte[] { 0, 0, 255, 255 }, "found 65535 in row 1")]
    [InlineData("|u1", new int[] { 2, 1, 1 }, new byte[] { 0, 1 }, "found an array of shape [2,1,1]")]
    [InlineData("|u1", new int[] { 2, 1 }, new byte[] { 0, 0 }, "found 1 label, expected 2")]
    [InlineData(">i8", new int[] { 2, 1 }, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, "expected whole numbers, little-endian")]
    public void LabelsThatDoNotFit_AreRefused(string type, int[] shape, byte[] elements, string reason)
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression, ("train_images", Npz.Array("|u1", [2, 2, 2], new byte[8])), ("train_labels", Npz.Array(type, shape, elements)));
        Assert.Contains(reason, Fault(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void PartsThatDoNotFitEachOther_AreRefused()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression, [.. Npz.Gray(4, [0, 1]), .. Npz.Gray(5, [0], [0, 1])[2..]]);
        Assert.Contains("found val_images of [5,5] a sample, expected [4,4] as in train_images", Fault(folder), StringComparison.Ordinal);

        using TemporaryFolder lacking = new();
        Npz.Write(lacking["d.npz"], CompressionLevel.NoCompression, Npz.Gray(4, [0, 1])[1..]);
        Assert.Contains("found the arrays train_labels, expected train_images", Fault(lacking), StringComparison.Ordinal);

        using TemporaryFolder unlabelled = new();
        Npz.Write(unlabelled["d.npz"], CompressionLevel.NoCompression, [.. Npz.Gray(4, [0, 1]), Npz.Gray(4, [0])[0] with { Item1 = "val_images" }]);
        Assert.Contains("expected val_labels", Fault(unlabelled), StringComparison.Ordinal);

        using TemporaryFolder misnamed = new();
        Npz.Write(misnamed["d.npz"], CompressionLevel.NoCompression, [.. Npz.Gray(4, [0, 1]), Npz.Gray(4, [0])[0] with { Item1 = "valid_images" }]);
        Assert.Contains("found the array valid_images, expected", Fault(misnamed), StringComparison.Ordinal);
    }

    [Fact]
    public void MoreThanTheLimitOfMemory_IsRefusedBeforeItIsTaken()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.Optimal, Npz.Gray(100, [0, 1], [0, 1]));
        Assert.Contains("val_images: found 20000 bytes, expected at most 19999", Fault(folder, new DatasetOptions { MaxArrayBytes = 39_999 }), StringComparison.Ordinal);
        Assert.Equal(4, Open(folder, new DatasetOptions { MaxArrayBytes = 40_000 }).Samples.Count);
    }

    [Fact]
    public void ALengthThatIsALie_IsFoundWithoutTakingItsMemory()
    {
        using TemporaryFolder folder = new();
        byte[] claim = Npz.Array("|u1", [1_000_000, 50, 50], new byte[100]);
        Npz.Write(folder["d.npz"], CompressionLevel.Optimal, ("train_images", claim), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        // The directory's size of the first entry, which is what .NET believes.
        byte[] file = File.ReadAllBytes(folder["d.npz"]);
        int directory = file.AsSpan().IndexOf("PK\x01\x02"u8);
        BitConverter.TryWriteBytes(file.AsSpan(directory + 24), (uint)(claim.Length - 100 + 2_500_000_000));
        File.WriteAllBytes(folder["d.npz"], file);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Contains("ends too early", Fault(folder), StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64 << 20);
    }

    [Fact]
    public void ArraysThatAreTooLong_AreRefused()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression, ("train_images", Npz.Array("|u1", [2, 2, 2], new byte[9])), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        Assert.Contains("found 137 bytes, expected 136", Fault(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void EveryChangedByte_IsNoticedOrChangesNothing()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["good.npz"], CompressionLevel.Optimal, Npz.Gray(6, [0, 1, 2], [0, 1, 2]));
        string good = Content(Dataset.Open(folder["good.npz"], new DatasetOptions()));
        byte[] file = File.ReadAllBytes(folder["good.npz"]);
        int refused = 0;
        for (int i = 0; i < file.Length; i++)
        {
            byte[] changed = [.. file];
            changed[i] ^= (byte)(1 + (i % 255));
            File.WriteAllBytes(folder["d.npz"], changed);
            try
            {
                Assert.Equal(good, Content(Open(folder)));
            }
            catch (DatasetException)
            {
                refused++;
            }
        }
        for (int length = 0; length < file.Length; length++)
        {
            File.WriteAllBytes(folder["d.npz"], file[..length]);
            Assert.Throws<DatasetException>(() => Open(folder));
        }
        Assert.InRange(refused, file.Length / 2, file.Length);

        static string Content(Dataset dataset) => string.Join(';', dataset.Samples.Select((s, i) => $"{s.Id} {string.Join(',', s.Targets)} {Convert.ToHexString(dataset.Pictures.Read(i).Single().Samples<byte>())}"));
    }

    [Fact]
    public void TwoArraysOfOneName_AreRefused()
    {
        using TemporaryFolder folder = new();
        Npz.Write(folder["d.npz"], CompressionLevel.NoCompression, [.. Npz.Gray(4, [0, 1]), .. Npz.Gray(4, [1, 0])]);
        Assert.Contains("found 'train_images.npy' twice", Fault(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void FilesThatAreNoArchive_AreRefused()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["d.npz"], "no archive");
        Assert.Contains("d.npz: is no .npz file", Fault(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void PneumoniaMnist_OpensAsItIs()
    {
        Dataset dataset = Dataset.Open(SharedData.Data("medmnist", "pneumoniamnist.npz"), new DatasetOptions { Labels = ["normal", "pneumonia"] });
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.Equal((4708, 524, 624), (splits.Train.Count, splits.Validation.Count, splits.Test.Count));
        Assert.Equal((28, 28, 1), (dataset.Pictures.Read(0).Single().Width, dataset.Pictures.Read(0).Single().Height, dataset.Pictures.Read(0).Single().Channels));
        Assert.Equal(390, splits.Test.Count(i => dataset.Samples[i].Targets[1] > 0));
    }

    [Theory]
    [InlineData("adrenalmnist3d.npz", 28)]
    [InlineData("adrenalmnist3d_64.npz", 64)]
    public void AdrenalMnist_OpensAsVolumes(string file, int side)
    {
        Dataset dataset = Dataset.Open(SharedData.Data("medmnist", file), new DatasetOptions());
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.NotNull(dataset.Volume);
        Assert.Equal(side, dataset.Slices);
        Assert.Equal((1188, 98, 298), (splits.Train.Count, splits.Validation.Count, splits.Test.Count));
        Assert.Equal(side, dataset.Pictures.Read(1500).ElementAt(side - 1).Width);
    }

    // [2, 3, 2, 4]: the second volume's elements are 0 to 23.
    private static TemporaryFolder Volumes()
    {
        TemporaryFolder folder = new();
        byte[] voxels = [.. Enumerable.Range(0, 24).Select(i => (byte)(100 + i)), .. Enumerable.Range(0, 24).Select(i => (byte)i)];
        Npz.Write(folder["d.npz"], CompressionLevel.Fastest, ("train_images", Npz.Array("|u1", [2, 3, 2, 4], voxels)), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        return folder;
    }

    private static Dataset Open(TemporaryFolder folder, DatasetOptions? options = null) => Dataset.Open(folder["d.npz"], options ?? new DatasetOptions());

    private static string Fault(TemporaryFolder folder, DatasetOptions? options = null) => Assert.Throws<DatasetException>(() => Open(folder, options)).Message;
}
