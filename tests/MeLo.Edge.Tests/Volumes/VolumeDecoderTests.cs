using System.Runtime.InteropServices;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Volumes;

public sealed class VolumeDecoderTests
{
    private static readonly TestVolume s_volume = TestVolume.Make(5, 4, 3);
    private static readonly DicomVoi s_window = DicomVoi.Window(0, 1000, DicomVoiFunction.LinearExact);

    [Fact]
    public void OneVolumeInEveryForm_IsOneArray()
    {
        byte[][] slices = s_volume.Slices();
        byte[][] shuffled = [slices[3], slices[0], slices[4], slices[1], slices[2]];
        float[] expected = [.. s_volume.Voxels.Select(v => (float)Math.Clamp((v / 1000.0) + 0.5, 0, 1))];
        foreach ((string form, byte[] file) in (IEnumerable<(string, byte[])>)
        [
            ("series", SeriesArchive.Pack(shuffled.Select(s => (ReadOnlyMemory<byte>)s))),
            ("frames", s_volume.Frames([2, 0, 4, 3, 1])),
            ("frames without places", s_volume.Frames([0, 1, 2, 3, 4], withPlaces: false)),
            ("NIfTI", s_volume.Nifti()),
            ("NIfTI, big-endian", s_volume.Nifti(isBigEndian: true)),
            ("NIfTI, gzip", s_volume.Nifti(isCompressed: true)),
            ("NumPy", s_volume.Npy()),
        ])
        {
            Volume volume = VolumeDecoder.Decode(file, s_window, DecodeLimits.Default);
            Assert.True((volume.Depth, volume.Height, volume.Width) == (5, 4, 3), form);
            Assert.True(expected.AsSpan().SequenceEqual((float[])volume.Voxels), form);
        }
    }

    [Theory]
    [InlineData(@"1\0\0\0\0\-1", "coronal")]
    [InlineData(@"0\1\0\0\0\-1", "sagittal")]
    [InlineData(@"-1\0\0\0\-1\0", "turned")]
    public void Stacks_AreTurnedToThePatientsAxes(string orientation, string name)
    {
        // The oracle walks through the patient: each voxel's place is its position in millimetres, one apart.
        double[] o = [.. orientation.Split('\\').Select(double.Parse)];
        double[] column = o[..3], row = o[3..], normal = [(column[1] * row[2]) - (column[2] * row[1]), (column[2] * row[0]) - (column[0] * row[2]), (column[0] * row[1]) - (column[1] * row[0])];
        byte[][] slices = [.. Enumerable.Range(0, s_volume.Depth).Select(i => s_volume.Slice(i, orientation: orientation, withPlace: false, more: d => d
            .Text(0x00200032, "DS", string.Join('\\', normal.Select(n => n * i))).Text(0x00200037, "DS", orientation)))];
        Volume volume = VolumeDecoder.Decode(SeriesArchive.Pack(slices.Select(s => (ReadOnlyMemory<byte>)s)), s_window, DecodeLimits.Default);

        List<(double Z, double Y, double X, short Value)> places = [];
        for (int z = 0; z < s_volume.Depth; z++)
        {
            for (int y = 0; y < s_volume.Height; y++)
            {
                for (int x = 0; x < s_volume.Width; x++)
                {
                    double[] place = [.. Enumerable.Range(0, 3).Select(k => (normal[k] * z) + (row[k] * y) + (column[k] * x))];
                    places.Add((place[2], place[1], place[0], s_volume.Voxels[(z * s_volume.Plane) + (y * s_volume.Width) + x]));
                }
            }
        }
        float[] expected = [.. places.OrderBy(p => p.Z).ThenBy(p => p.Y).ThenBy(p => p.X).Select(p => (float)Math.Clamp((p.Value / 1000.0) + 0.5, 0, 1))];
        Assert.True(expected.AsSpan().SequenceEqual((float[])volume.Voxels), name);
    }

    [Theory]
    [InlineData(0, 1, 2, 1f, 1f, 1f)]
    [InlineData(2, 0, 1, -1f, 1f, 1f)]
    [InlineData(1, 2, 0, 1f, -1f, -1f)]
    public void NiftiByAffine_IsTurnedLikeItsTwinByQuaternionOrNot(int i, int j, int k, float signI, float signJ, float signK)
    {
        float[][] directions = [new float[3], new float[3], new float[3]];
        (directions[0][i], directions[1][j], directions[2][k]) = (signI, signJ, signK);
        byte[] file = s_volume.Nifti(change: h =>
        {
            for (int axis = 0; axis < 3; axis++) h.PutSingle(280 + (16 * axis), directions[0][axis] * 0.7f, directions[1][axis] * 0.9f, directions[2][axis] * 3, 0);
        });
        Volume volume = VolumeDecoder.Decode(file, s_window, DecodeLimits.Default);
        // In NIfTI x leads right and y to the front: the patient's axes here are -x, -y, z, the last of them first.
        List<(float Z, float Y, float X, short Value)> places = [];
        int at = 0;
        for (int z = 0; z < 5; z++)
            for (int y = 0; y < 4; y++)
                for (int x = 0; x < 3; x++)
                {
                    float[] place = [.. Enumerable.Range(0, 3).Select(a => (directions[0][a] * x) + (directions[1][a] * y) + (directions[2][a] * z))];
                    places.Add((place[2], -place[1], -place[0], s_volume.Voxels[at++]));
                }
        float[] expected = [.. places.OrderBy(p => p.Z).ThenBy(p => p.Y).ThenBy(p => p.X).Select(p => (float)Math.Clamp((p.Value / 1000.0) + 0.5, 0, 1))];
        Assert.Equal(expected, (float[])volume.Voxels);
    }

    [Fact]
    public void NiftiByQuaternion_IsTheSameAsByItsMatrix()
    {
        // Half a turn about z, and the slices the other way (qfac -1): the matrix diag(-1, -1, -1).
        byte[] quaternion = s_volume.Nifti(change: h =>
        {
            h.Put16(252, 1);
            h.Put16(254, 0);
            h.PutSingle(256, 0, 0, 1);
            h.PutSingle(76, -1);
        });
        byte[] matrix = s_volume.Nifti(change: h => h.PutSingle(312, 0, 0, -2.5f, 5));
        Assert.Equal((float[])Decode(matrix).Voxels, (float[])Decode(quaternion).Voxels);
        Assert.NotEqual((float[])Decode(s_volume.Nifti()).Voxels, (float[])Decode(matrix).Voxels);
    }

    [Fact]
    public void Percentiles_AreOfTheWholeVolume()
    {
        DicomVoi voi = DicomVoi.Percentile(5, 90);
        short[] sorted = [.. s_volume.Voxels.Order()];
        double low = sorted[(int)Math.Ceiling(0.05 * sorted.Length) - 1], high = sorted[(int)Math.Ceiling(0.9 * sorted.Length) - 1];
        float[] expected = [.. s_volume.Voxels.Select(v => (float)Math.Clamp((v - low) / (high - low), 0, 1))];
        foreach (byte[] file in (byte[][])[SeriesArchive.Pack(s_volume.Slices().Select(s => (ReadOnlyMemory<byte>)s)), s_volume.Nifti(), s_volume.Npy()])
            Assert.Equal(expected, (float[])VolumeDecoder.Decode(file, voi, DecodeLimits.Default).Voxels);
    }

    [Fact]
    public void Nifti_IsScaledAndShownAsItSays()
    {
        Volume volume = VolumeDecoder.Decode(s_volume.Nifti(change: h => { h.PutSingle(112, 2, 100); h.PutSingle(124, 900, -300); }), DicomVoi.File, DecodeLimits.Default);
        Assert.Equal([.. s_volume.Voxels.Select(v => (float)Math.Clamp(((2.0 * v) + 100 + 300) / 1200, 0, 1))], (float[])volume.Voxels);
    }

    [Fact]
    public void Bytes_AreLevelsOfGray()
    {
        byte[] levels = [.. Enumerable.Range(0, 24).Select(i => (byte)(i * 10))];
        byte[] file = TestVolume.NpyFile("|u1", "False", "(2, 3, 4)", levels);
        Assert.Equal(levels, VolumeDecoder.Decode(file, null, DecodeLimits.Default).Voxels);
        Assert.Equal(levels, VolumeDecoder.Decode(file, DicomVoi.File, DecodeLimits.Default).Voxels);
        Volume fortran = VolumeDecoder.Decode(TestVolume.NpyFile("|u1", "True", "(4, 3, 2)", levels), null, DecodeLimits.Default);
        Assert.Equal((4, 3, 2), (fortran.Depth, fortran.Height, fortran.Width));
        // The first index changes fastest: element (x, y, z) is at x + 4 (y + 3 z).
        for (int x = 0; x < 4; x++)
            for (int y = 0; y < 3; y++)
                for (int z = 0; z < 2; z++) Assert.Equal(levels[x + (4 * (y + (3 * z)))], ((byte[])fortran.Voxels)[(((x * 3) + y) * 2) + z]);
    }

    [Theory]
    [InlineData("<i2", 2)]
    [InlineData("<u2", 2)]
    [InlineData("<i4", 4)]
    [InlineData("<u4", 4)]
    [InlineData("<i8", 8)]
    [InlineData("<u8", 8)]
    [InlineData("<f2", 2)]
    [InlineData("<f4", 4)]
    [InlineData("<f8", 8)]
    [InlineData("|i1", 1)]
    public void EveryType_IsItsNumbers(string type, int size)
    {
        double[] numbers = [1, 2, 3, 100, 5, 6, 7, 8];
        byte[] data = new byte[8 * size];
        for (int i = 0; i < 8; i++)
        {
            byte[] bits = type switch
            {
                "<f2" => BitConverter.GetBytes((Half)numbers[i]),
                "<f4" => BitConverter.GetBytes((float)numbers[i]),
                "<f8" => BitConverter.GetBytes(numbers[i]),
                _ => BitConverter.GetBytes((long)numbers[i])[..size],
            };
            bits.CopyTo(data, i * size);
        }
        float[] found = (float[])VolumeDecoder.Decode(TestVolume.NpyFile(type, "False", "(2, 2, 2)", data), DicomVoi.Range, DecodeLimits.Default).Voxels;
        Assert.Equal([.. numbers.Select(n => (float)((n - 1) / 99))], found);
    }

    [Fact]
    public void WithoutWindow_NumbersAreRefused()
    {
        Assert.Contains("input.dicom", Fault(s_volume.Npy(), voi: null), StringComparison.Ordinal);
        Assert.Contains("input.dicom", Fault(s_volume.Nifti(), voi: null), StringComparison.Ordinal);
        Assert.Contains("input.dicom", Fault(s_volume.Frames([0, 1, 2, 3, 4]), voi: null), StringComparison.Ordinal);
    }

    [Fact]
    public void StacksThatAreNone_AreRefused()
    {
        byte[][] slices = s_volume.Slices();
        Assert.Contains("a gap: 5 mm behind slice 2 of 4, expected 2.5 mm", Series([.. slices[..2], .. slices[3..]]), StringComparison.Ordinal);
        Assert.Contains("two slices at 7.5 mm", Series([.. slices, s_volume.Slice(4, position: 7.5, instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("2.8 mm behind slice 5 of 6, expected 2.5 mm", Series([.. slices, s_volume.Slice(0, position: 17.8, instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("do not lie parallel", Series([.. slices, s_volume.Slice(0, position: 99, orientation: @"1\0\0\0\0\-1", instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("several series", Series([.. slices, s_volume.Slice(0, position: 17.5, series: "1.2.3.5", instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("several studies", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.9", more: d => d.Text(0x0020000D, "UI", "1.7"))]), StringComparison.Ordinal);
        Assert.Contains("several patients", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.9", more: d => d.Text(0x00100020, "LO", "P2"))]), StringComparison.Ordinal);
        Assert.Contains("several frames of reference", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.9", more: d => d.Text(0x00200052, "UI", "1.7"))]), StringComparison.Ordinal);
        Assert.Contains("beyond 1000000 mm", Series([.. slices, s_volume.Slice(0, position: 1e300, instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("without image position", Series([.. slices, s_volume.Slice(0, withPlace: false, instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("two contents", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.2.3.1")]), StringComparison.Ordinal);
        Assert.Contains("two directions at right angles", Series([.. slices, s_volume.Slice(0, position: 17.5, orientation: @"1\0\0\1\0\0", instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("several pixel spacings", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.9", more: d => d.Text(0x00280030, "DS", @"1\1"))]), StringComparison.Ordinal);
        Assert.Contains("expected all of one size", Series([.. slices, TestVolume.Make(1, 5, 4).Slice(0, position: 17.5, instance: "1.9")]), StringComparison.Ordinal);
        Assert.Contains("in colour", Series([TestDicom.Bytes(2, 2, 3, "RGB", new byte[12]).File()]), StringComparison.Ordinal);
        Assert.Contains("slices with a window and slices without", Series([.. slices, s_volume.Slice(0, position: 17.5, instance: "1.9", more: d => d.Text(0x00281050, "DS", "1").Text(0x00281051, "DS", "100"))], DicomVoi.File), StringComparison.Ordinal);
    }

    [Fact]
    public void SameFileTwice_CountsOnce()
    {
        byte[][] slices = s_volume.Slices();
        Assert.Equal(SeriesArchive.Pack(slices.Select(s => (ReadOnlyMemory<byte>)s)), SeriesArchive.Pack([slices[2], .. slices.Reverse().Select(s => (ReadOnlyMemory<byte>)s)]));
    }

    [Fact]
    public void BrokenNifti_IsRefused()
    {
        byte[] file = s_volume.Nifti();
        Assert.Contains("ends too early", Fault(file[..^1]), StringComparison.Ordinal);
        Assert.Contains("goes on behind", Fault([.. file, 0]), StringComparison.Ordinal);
        Assert.Contains("ends too early", Fault(file[..300]), StringComparison.Ordinal);
        Assert.Contains("pair of files", Fault(s_volume.Nifti(change: h => h.Bytes[345] = (byte)'i')), StringComparison.Ordinal);
        Assert.Contains("ANALYZE", Fault(s_volume.Nifti(change: h => h.Bytes[344] = 0)), StringComparison.Ordinal);
        Assert.Contains("NIfTI-2", Fault(s_volume.Nifti(change: h => h.Put32(0, 540))), StringComparison.Ordinal);
        Assert.Contains("2 dimensions", Fault(s_volume.Nifti(change: h => h.Put16(40, 2))), StringComparison.Ordinal);
        Assert.Contains("7 along dimension 4", Fault(s_volume.Nifti(change: h => h.Put16(40, 4, 3, 4, 5, 7))), StringComparison.Ordinal);
        Assert.Contains("type 128", Fault(s_volume.Nifti(change: h => h.Put16(70, 128))), StringComparison.Ordinal);
        Assert.Contains("-3 voxels", Fault(s_volume.Nifti(change: h => h.Put16(42, -3))), StringComparison.Ordinal);
        Assert.Contains("voxels, expected at most", Fault(s_volume.Nifti(change: h => h.Put16(42, 32767, 32767, 32767))), StringComparison.Ordinal);
        Assert.Contains("offset", Fault(s_volume.Nifti(change: h => h.PutSingle(108, float.NaN))), StringComparison.Ordinal);
        Assert.Contains("axis without a direction", Fault(s_volume.Nifti(change: h => h.PutSingle(280, 0, 0, 0, 0))), StringComparison.Ordinal);
        Assert.Contains("in one plane", Fault(s_volume.Nifti(change: h => { h.PutSingle(280, -1, -1, 0, 10); h.PutSingle(296, 0, 0, 0, 20); })), StringComparison.Ordinal);
        Assert.Contains("not a finite number", Fault(s_volume.Nifti(change: h => h.PutSingle(112, 1e38f))), StringComparison.Ordinal);
        byte[] compressed = s_volume.Nifti(isCompressed: true);
        compressed[^6] ^= 1; // of the checksum
        Assert.Contains("broken", Fault(compressed), StringComparison.Ordinal);
        Assert.Contains("begins with", Fault(TestVolume.Compress(new byte[1000])), StringComparison.Ordinal);
    }

    [Fact]
    public void BrokenArrays_AreRefused()
    {
        Assert.Contains("expected [depth,height,width]", Fault(TestVolume.NpyFile("|u1", "False", "(2, 3)", new byte[6])), StringComparison.Ordinal);
        Assert.Contains("found 23 bytes of data, expected 24", Fault(TestVolume.NpyFile("|u1", "False", "(2, 3, 4)", new byte[23])), StringComparison.Ordinal);
        Assert.Contains("type |O", Fault(TestVolume.NpyFile("|O", "False", "(2, 3, 4)", new byte[24])), StringComparison.Ordinal);
        Assert.Contains("type >f4", Fault(TestVolume.NpyFile(">f4", "False", "(2, 3, 4)", new byte[96])), StringComparison.Ordinal);
        Assert.Contains("0 x 3 x 4", Fault(TestVolume.NpyFile("|u1", "False", "(0, 3, 4)", [])), StringComparison.Ordinal);
        Assert.Contains("expected at most", Fault(TestVolume.NpyFile("|u1", "False", "(2000000000, 2000000000, 2000000000)", [])), StringComparison.Ordinal);
        Assert.Contains("not a finite number", Fault(TestVolume.NpyFile("<f4", "False", "(1, 1, 1)", [0, 0, 0xC0, 0x7F])), StringComparison.Ordinal);
        Assert.Contains("ends within its header", Fault(s_volume.Npy()[..20]), StringComparison.Ordinal);
        Assert.Contains("begins with", Fault([1, 2, 3]), StringComparison.Ordinal);
        Assert.Contains("an empty file", Fault([]), StringComparison.Ordinal);
    }

    [Fact]
    public void MutatedFiles_AreDecodedOrRefused_NothingElse()
    {
        byte[][] files = [s_volume.Nifti(), s_volume.Nifti(isCompressed: true), s_volume.Npy(), s_volume.Frames([0, 1, 2, 3, 4]), SeriesArchive.Pack(s_volume.Slices().Select(s => (ReadOnlyMemory<byte>)s))];
        Random random = new(6);
        DecodeLimits limits = DecodeLimits.Default with { MaxVoxels = 1 << 20, MaxFileBytes = 1 << 20 };
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] file = [.. files[i % files.Length]];
            for (int n = random.Next(1, 4); n > 0; n--) file[random.Next(file.Length)] = (byte)random.Next(256);
            if (random.Next(8) == 0) file = file[..random.Next(file.Length)];
            try
            {
                VolumeDecoder.Decode(file, s_window, limits);
            }
            catch (ImageException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 2999);
    }

    private static Volume Decode(byte[] file) => VolumeDecoder.Decode(file, s_window, DecodeLimits.Default);

    private static string Series(byte[][] slices, DicomVoi? voi = null) => Fault(SeriesArchive.Pack(slices.Select(s => (ReadOnlyMemory<byte>)s)), voi ?? s_window);

    private static string Fault(byte[] file) => Fault(file, s_window);

    private static string Fault(byte[] file, DicomVoi? voi)
    {
        ImageException e = Assert.Throws<ImageException>(() => VolumeDecoder.Decode(file, voi, DecodeLimits.Default));
        Assert.True(e.IsFileAtFault, e.Message);
        return e.Message;
    }
}
