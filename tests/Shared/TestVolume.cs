using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace MeLo.Edge.Tests;

/// <summary>A volume of whole numbers, [depth, height, width], in the files that volumes come in.</summary>
internal sealed record TestVolume(int Depth, int Height, int Width, short[] Voxels)
{
    /// <summary>Where an axial stack of DICOM has its axes: columns towards the left, rows towards the back.</summary>
    public const string Axial = @"1\0\0\0\1\0";

    public int Plane => Height * Width;

    /// <summary>Values that tell every voxel from its neighbours.</summary>
    public static TestVolume Make(int depth, int height, int width, int seed = 1)
    {
        Random random = new(seed);
        return new(depth, height, width, [.. Enumerable.Range(0, depth * height * width).Select(_ => (short)random.Next(-1000, 1000))]);
    }

    /// <summary>A slice of a series, a file of its own.</summary>
    public byte[] Slice(int index, double? position = null, string series = "1.2.3.4", string orientation = Axial, string instance = "", Action<TestDicom>? more = null, bool withPlace = true) =>
        TestDicom.Gray(Width, Height, Voxels.AsSpan(index * Plane, Plane), more: d =>
        {
            d.Text(0x0020000E, "UI", series);
            if (withPlace) d.Text(0x00200032, "DS", string.Create(CultureInfo.InvariantCulture, $@"-10\-20\{position ?? 5 + (2.5 * index)}")).Text(0x00200037, "DS", orientation);
            more?.Invoke(d);
        }, instance: instance.Length > 0 ? instance : $"1.2.3.{index + 1}").File();

    public byte[][] Slices(string series = "1.2.3.4", Action<TestDicom>? more = null) => [.. Enumerable.Range(0, Depth).Select(i => Slice(i, series: series, more: more))];

    /// <summary>An enhanced image, its frames in an order of their own.</summary>
    public byte[] Frames(int[] order, bool withPlaces = true) =>
        TestDicom.Gray(Width, Height, [.. order.SelectMany(i => Voxels.AsSpan(i * Plane, Plane).ToArray())], more: d =>
        {
            d.Text(0x00280008, "IS", Depth.ToString(CultureInfo.InvariantCulture)).Text(0x0020000E, "UI", "1.2.3.4");
            if (!withPlaces) return;
            d.Sequence(0x52009229, isUndefined: true, s => s.Sequence(0x00209116, true, o => o.Text(0x00200037, "DS", Axial)));
            d.Sequence(0x52009230, isUndefined: true, [.. order.Select<int, Action<TestDicom>>(i => f => f.Sequence(0x00209113, true, p =>
                p.Text(0x00200032, "DS", string.Create(CultureInfo.InvariantCulture, $@"-10\-20\{5 + (2.5 * i)}"))))]);
        }).File();

    /// <summary>NIfTI-1, as dcm2niix writes an axial stack: columns towards the left are stored, in its axes -x.</summary>
    public byte[] Nifti(bool isBigEndian = false, bool isCompressed = false, Action<NiftiHeader>? change = null)
    {
        NiftiHeader header = new(isBigEndian);
        header.Put16(40, 3, Width, Height, Depth, 1, 1, 1, 1);
        header.Put16(70, 4, 16);
        header.PutSingle(76, 1, 1, 1, 2.5f);
        header.PutSingle(108, 352);
        header.Put16(254, 1);
        header.PutSingle(280, -1, 0, 0, 10);
        header.PutSingle(296, 0, -1, 0, 20);
        header.PutSingle(312, 0, 0, 2.5f, 5);
        change?.Invoke(header);
        byte[] data = new byte[Voxels.Length * 2];
        for (int i = 0; i < Voxels.Length; i++)
        {
            if (isBigEndian) BinaryPrimitives.WriteInt16BigEndian(data.AsSpan(2 * i), Voxels[i]);
            else BinaryPrimitives.WriteInt16LittleEndian(data.AsSpan(2 * i), Voxels[i]);
        }
        byte[] file = [.. header.Bytes, .. new byte[4], .. data];
        return isCompressed ? Compress(file) : file;
    }

    /// <summary>An array of NumPy.</summary>
    public byte[] Npy() => NpyFile("<i2", "False", $"({Depth}, {Height}, {Width})", System.Runtime.InteropServices.MemoryMarshal.AsBytes(Voxels.AsSpan()));

    public static byte[] NpyFile(string type, string isFortran, string shape, ReadOnlySpan<byte> data)
    {
        byte[] text = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': {isFortran}, 'shape': {shape}, }}\n");
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text, .. data];
    }

    public static byte[] Compress(byte[] file)
    {
        using MemoryStream compressed = new();
        using (GZipStream stream = new(compressed, CompressionLevel.Fastest, leaveOpen: true)) stream.Write(file);
        return compressed.ToArray();
    }
}

/// <summary>The fields of nifti1.h by their offsets.</summary>
internal sealed class NiftiHeader
{
    private readonly bool _isBigEndian;

    public NiftiHeader(bool isBigEndian)
    {
        _isBigEndian = isBigEndian;
        Put32(0, 348);
        "n+1\0"u8.CopyTo(Bytes.AsSpan(344));
    }

    public byte[] Bytes { get; } = new byte[348];

    public void Put16(int at, params int[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (_isBigEndian) BinaryPrimitives.WriteInt16BigEndian(Bytes.AsSpan(at + (2 * i)), (short)values[i]);
            else BinaryPrimitives.WriteInt16LittleEndian(Bytes.AsSpan(at + (2 * i)), (short)values[i]);
        }
    }

    public void PutSingle(int at, params float[] values)
    {
        for (int i = 0; i < values.Length; i++) Put32(at + (4 * i), BitConverter.SingleToInt32Bits(values[i]));
    }

    public void Put32(int at, int value)
    {
        if (_isBigEndian) BinaryPrimitives.WriteInt32BigEndian(Bytes.AsSpan(at), value);
        else BinaryPrimitives.WriteInt32LittleEndian(Bytes.AsSpan(at), value);
    }
}
