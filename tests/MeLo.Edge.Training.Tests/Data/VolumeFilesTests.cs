using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class VolumeFilesTests : IDisposable
{
    private static readonly DatasetOptions s_options = new() { Slices = 3, Axes = VolumeAxes.All, Dicom = DicomVoi.Window(0, 2000) };

    private static readonly PreprocessRecipe s_recipe = new(ResizeMode.Squash, 8, Interpolation.Bicubic, [0, 0, 0], [1, 1, 1]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FilesAndFoldersOfSeries_AreVolumes()
    {
        Fill();
        Dataset dataset = Dataset.Open(_folder.Root, s_options);

        Assert.Equal(["a/frames.dcm", "a/head.nii.gz", "a/patient 7/ct", "b/again.zip", "b/array", "b/ct"], dataset.Samples.Select(s => s.Id));
        Assert.Equal(new VolumeRecipe(VolumeAxes.All, 3, SliceAggregation.MeanLogits), dataset.Volume);
        Assert.Equal(9, dataset.Slices);
        Assert.Contains("6 volumes, 9 slices (all), 2 classes", dataset.Description, StringComparison.Ordinal);
        // An archive of the same series is the same sample.
        Assert.Equal(Of("b/ct").Content, Of("b/again.zip").Content);
        Assert.Equal(Of("b/ct").Targets, Of("b/again.zip").Targets);
        Assert.Equal("2 by their DICOM files, 3 files do not say whose they are", dataset.Patients);
        Assert.Equal("P7", Of("a/patient 7/ct").Patient);
        Assert.Equal("P8", Of("b/ct").Patient);

        Sample Of(string id) => dataset.Samples.Single(s => s.Id == id);
    }

    [Fact]
    public void Slices_AreThoseThatADeviceLooksAt()
    {
        Fill();
        Dataset dataset = Dataset.Open(_folder.Root, s_options);
        PreprocessRecipe recipe = new(ResizeMode.Squash, 8, Interpolation.Bicubic, [0.5f, 0.4f, 0.3f], [0.5f, 0.5f, 0.25f]);
        SampleReader reader = new(dataset, recipe, cacheBytes: 0);
        float[] pixels = new float[reader.Length];
        for (int i = 0; i < dataset.Samples.Count; i++)
        {
            string path = Path.Combine(_folder.Root, dataset.Samples[i].Id);
            byte[] file = Directory.Exists(path) ? SeriesArchive.Pack(InputFiles.In(path).Select(f => (ReadOnlyMemory<byte>)File.ReadAllBytes(f))) : File.ReadAllBytes(path);
            PreparedImage expected = PreparedImage.From(file, new InputDescription(recipe, dataset.Dicom, dataset.Volume), DecodeLimits.Default);
            reader.Read(i, pixels);
            Assert.Equal(expected.Pixels.Length, pixels.Length);
            // Levels are kept in steps of 1/128 of one of 255.
            for (int p = 0; p < pixels.Length; p++) Assert.Equal(expected.Pixels[p], pixels[p], 0.5 / (255 * 128) / 0.25 * 1.1);
        }
    }

    [Fact]
    public void List_MayNameFilesAndFolders()
    {
        Fill();
        File.WriteAllLines(_folder["list.csv"], ["path,label,patient", "a/head.nii.gz,ill,1", "a/patient 7/ct,ill,2", "b/ct,well,3", "b/array,well,4", "a/frames.dcm,ill,5"]);
        Dataset dataset = Dataset.Open(_folder["list.csv"], s_options);
        Dataset folder = Dataset.Open(_folder.Root, s_options);
        foreach (Sample sample in dataset.Samples) Assert.Equal(folder.Samples.Single(s => s.Id == sample.Id).Content, sample.Content);
        Assert.Equal("5", dataset.Patients);

        Directory.CreateDirectory(_folder["empty"]);
        File.WriteAllLines(_folder["list.csv"], ["path,label", "empty,ill", "gone,well", "b/ct/1,well"]);
        string message = Refusal(_folder["list.csv"], s_options);
        Assert.Contains("'empty': found no file in the folder, expected the slices of a DICOM series", message, StringComparison.Ordinal);
        Assert.Contains("'gone': there is no such file", message, StringComparison.Ordinal);
        Assert.DoesNotContain("b/ct/1", message, StringComparison.Ordinal); // a volume of one slice, as far as anyone can tell by its first bytes

        File.WriteAllLines(_folder["list.csv"], ["path,label", "b/ct,ill", "./b/ct/,well", "b\\ct,well"]);
        message = Refusal(_folder["list.csv"], s_options);
        Assert.Contains("line 3: found './b/ct/' again", message, StringComparison.Ordinal);
        Assert.Contains("line 4: found 'b/ct' again", message, StringComparison.Ordinal);
        File.WriteAllLines(_folder["list.csv"], ["path,label", "b/ct,ill", "a/head.nii.gz,well"]);
        Assert.Contains("'b/ct': is a folder, expected a picture, or --slices for volumes", Refusal(_folder["list.csv"], s_options with { Slices = null }), StringComparison.Ordinal);
    }

    [Fact]
    public void SlicesAsPictures_AreToldOf_AndThoseOfASeriesStayTogether()
    {
        for (int s = 0; s < 8; s++)
        {
            byte[][] slices = TestVolume.Make(3, 4, 5, seed: s).Slices(series: $"1.9.{s}");
            for (int i = 0; i < slices.Length; i++) File.WriteAllBytes(_folder[s % 2 == 0 ? "a" : "b", $"{s}", $"{i}"], slices[i]);
        }
        Dataset dataset = Dataset.Open(_folder.Root, s_options with { Slices = null });
        Assert.Equal(24, dataset.Samples.Count);
        Assert.Equal((24, 8), dataset.Stacks);
        Assert.Equal("not told by the DICOM files, of which those of a series count as one's", dataset.Patients);
        Splits splits = Splits.Of(dataset, new SplitOptions { Validation = 0.25, Test = 0.25 });
        foreach (IEnumerable<int> series in Enumerable.Range(0, 24).GroupBy(i => Path.GetDirectoryName(dataset.Samples[i].Id)))
            Assert.Single((DatasetPart[])[DatasetPart.Train, DatasetPart.Validation, DatasetPart.Test], part => splits[part].Intersect(series).Any());
        Assert.Equal((0, 0), Dataset.Open(_folder.Root, s_options).Stacks);
    }

    [Fact]
    public void SeriesInTwoFolders_IsRefused()
    {
        Fill();
        File.Move(_folder["b", "ct", "1"], _folder["b", "rest", "1"]);
        Assert.EndsWith(": 'b/again.zip' and 'b/ct' and 'b/rest' have slices of one series (SeriesInstanceUID), expected all of a series in one folder", Refusal(_folder.Root, s_options), StringComparison.Ordinal);
    }

    [Fact]
    public void LargerFiles_AreTakenWhereTheLimitSaysSo()
    {
        Fill();
        long series = Directory.EnumerateFiles(_folder["b", "ct"]).Sum(f => new FileInfo(f).Length);
        string message = Refusal(_folder.Root, s_options with { Limits = DecodeLimits.Default with { MaxFileBytes = series - 1 } });
        Assert.Contains($"'b/ct': found {series} bytes of file, expected at most {series - 1}; --max-file-megabytes takes larger ones", message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNoVolume_IsRefused()
    {
        Fill();
        // Without --slices they are pictures, and these are none.
        string message = Refusal(_folder.Root, s_options with { Slices = null });
        Assert.Contains("'a/head.nii.gz': found what may be a volume", message, StringComparison.Ordinal);
        Assert.Contains("--slices", message, StringComparison.Ordinal);

        File.WriteAllBytes(_folder["a", "picture.bmp"], Bitmaps.Of(2, 2, 1, 2, 3));
        File.WriteAllText(_folder["b", "notes"], "none of it");
        File.WriteAllBytes(_folder["b", "nothing"], []);
        message = Refusal(_folder.Root, s_options);
        Assert.Contains("'a/picture.bmp': found a file that begins with 424d", message, StringComparison.Ordinal);
        Assert.Contains("'b/notes': found a file that begins with 6e6f6e65", message, StringComparison.Ordinal);
        Assert.Contains("'b/nothing': found an empty file, expected a volume", message, StringComparison.Ordinal);
    }

    [Fact]
    public void VolumeOutsideOfTheClasses_IsRefused()
    {
        Fill();
        File.WriteAllText(_folder["README.md"], "is none");
        Assert.Equal(6, Dataset.Open(_folder.Root, s_options).Samples.Count);
        File.Copy(_folder["b", "array"], _folder["loose"]);
        Assert.EndsWith(": the volume 'loose' is in no class's folder", Refusal(_folder.Root, s_options), StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutDicomOption_OnlyBytesAreTaken()
    {
        Fill();
        string message = Refusal(_folder.Root, s_options with { Dicom = null });
        foreach (string id in (string[])["a/frames.dcm", "a/patient 7/ct/1", "b/ct/1"]) Assert.Contains($"'{id}': found a DICOM image, expected an array of bytes, or --dicom to say", message, StringComparison.Ordinal);
        Assert.Contains("'b/again.zip': found a ZIP file, expected an array of bytes, or --dicom to say", message, StringComparison.Ordinal);
        foreach (string path in (string[])[_folder["a", "frames.dcm"], _folder["b", "again.zip"]]) File.Delete(path);
        foreach (string path in (string[])[_folder["a", "patient 7"], _folder["b", "ct"]]) Directory.Delete(path, recursive: true);
        Dataset dataset = Dataset.Open(_folder.Root, s_options with { Dicom = null });
        SampleReader reader = new(dataset, s_recipe, 0);
        message = Assert.Throws<DatasetException>(() => reader.Prepare([0, 1], threads: 2, cancellation: TestContext.Current.CancellationToken)).Message;
        Assert.Contains("'a/head.nii.gz': found a volume of numbers that are no levels of gray, expected bytes: nothing says which values are black and white (--dicom)", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gap", "a/x", "DICOM series: ")]
    [InlineData("two", "a/x", "DICOM series: found slices of several series")]
    [InlineData("broken", "a/x/2", "DICOM")]
    [InlineData("window", "a/", "found no window of the name that the bundle asks for")]
    [InlineData("short", "a/x", "found a volume of 2 x 6 x 5 voxels, expected at least the 3 slices that the task looks at (all)")]
    [InlineData("text", "a/x/readme", "found a file that begins with 74657874")]
    [InlineData("loose", "a/0", "found a volume of 1 x 6 x 5 voxels, expected at least the 3 slices that the task looks at (all)")]
    public void SeriesThatIsNoVolume_IsRefusedByName(string what, string id, string fault)
    {
        Fill();
        TestVolume volume = TestVolume.Make(4, 6, 5);
        byte[][] slices = volume.Slices(series: "1.7");
        DatasetOptions options = s_options;
        switch (what)
        {
            case "gap": Put("x", slices[0], slices[1], slices[3]); break;
            case "two": Put("x", [.. slices, .. volume.Slices(series: "9.9").Take(1)]); break;
            case "short": Put("x", slices[0], slices[1]); break;
            case "broken": Put("x", [slices[0], slices[1], slices[2][..^20], slices[3]]); break;
            case "window": options = options with { Dicom = DicomVoi.Named("none") }; break;
            case "text": Put("x", [.. slices]); File.WriteAllText(_folder["a", "x", "readme"], "text"); break;
            default: Put("", slices[0]); break;
        }
        string message = Assert.Throws<DatasetException>(() =>
        {
            Dataset dataset = Dataset.Open(_folder.Root, options);
            new SampleReader(dataset, s_recipe, 0).Prepare([.. Enumerable.Range(0, dataset.Samples.Count)], threads: 2, cancellation: TestContext.Current.CancellationToken);
        }).Message;
        Assert.Contains(what == "window" ? fault : $"'{id}': {fault}", message, StringComparison.Ordinal);

        void Put(string name, params byte[][] files)
        {
            for (int i = 0; i < files.Length; i++) File.WriteAllBytes(name.Length > 0 ? _folder["a", name, $"{i}"] : _folder["a", $"{i}"], files[i]);
        }
    }

    // Six volumes of two classes, in every form.
    private void Fill()
    {
        File.WriteAllBytes(_folder["a", "head.nii.gz"], TestVolume.Make(5, 6, 7, seed: 1).Nifti(isCompressed: true));
        File.WriteAllBytes(_folder["a", "frames.dcm"], TestVolume.Make(4, 6, 7, seed: 2).Frames([2, 0, 3, 1]));
        Series("a/patient 7/ct", TestVolume.Make(6, 5, 7, seed: 3), "P7");
        File.WriteAllText(_folder["a", "patient 7", "ct", ".DS_Store"], "hidden");
        File.WriteAllBytes(_folder["a", "patient 7", "ct", "DICOMDIR"], TestDicom.Gray(2, 1, [0, 0]).File());
        File.WriteAllBytes(_folder["a", "patient 7", "ct", "Thumbs.db"], [1, 2, 3]);
        File.WriteAllBytes(_folder["b", "array"], TestVolume.NpyFile("|u1", "False", "(4, 5, 6)", [.. Enumerable.Range(0, 120).Select(i => (byte)(2 * i))]));
        Series("b/ct", TestVolume.Make(4, 5, 6, seed: 4), "P8", "1.2.8");
        File.WriteAllBytes(_folder["b", "again.zip"], SeriesArchive.Pack(Directory.EnumerateFiles(_folder["b", "ct"]).Select(f => (ReadOnlyMemory<byte>)File.ReadAllBytes(f))));
    }

    private void Series(string folder, TestVolume volume, string patient, string series = "1.2.7")
    {
        byte[][] slices = volume.Slices(series, more: d => d.Text(0x00100020, "LO", patient));
        // Their names say nothing of their order.
        for (int i = 0; i < slices.Length; i++) File.WriteAllBytes(_folder[[.. folder.Split('/'), $"{slices.Length - i}"]], slices[i]);
    }

    private static string Refusal(string path, DatasetOptions options) => Assert.Throws<DatasetException>(() => Dataset.Open(path, options)).Message;
}
