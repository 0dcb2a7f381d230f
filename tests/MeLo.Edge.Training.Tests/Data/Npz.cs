using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MeLo.Edge.Training.Tests.Data;

/// <summary>Files of NumPy's arrays made here, whole or broken.</summary>
internal static class Npz
{
    /// <summary>An array's file: the header as NumPy writes it, and the elements.</summary>
    public static byte[] Array(string type, int[] shape, byte[] elements) =>
        Raw($"{{'descr': '{type}', 'fortran_order': False, 'shape': ({string.Join(", ", shape)}{(shape.Length == 1 ? "," : "")}), }}", elements);

    /// <summary>An array's file with any header.</summary>
    public static byte[] Raw(string header, byte[] elements, byte version = 1)
    {
        int prefix = version == 1 ? 10 : 12;
        string padded = header.PadRight((64 - ((prefix + header.Length + 1) % 64)) % 64 + header.Length) + "\n";
        byte[] start = new byte[prefix];
        new byte[] { 0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', version, 0 }.CopyTo(start, 0);
        if (version == 1) BinaryPrimitives.WriteUInt16LittleEndian(start.AsSpan(8), (ushort)padded.Length);
        else BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(8), (uint)padded.Length);
        return [.. start, .. Encoding.Latin1.GetBytes(padded), .. elements];
    }

    public static void Write(string path, CompressionLevel compression, params (string Name, byte[] Bytes)[] arrays)
    {
        using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach ((string name, byte[] bytes) in arrays)
        {
            using Stream stream = zip.CreateEntry($"{name}.npy", compression).Open();
            stream.Write(bytes);
        }
    }

    /// <summary>A dataset of gray pictures: of each part as many as labels, whose pixels are the label's number times ten plus the row's.</summary>
    public static (string, byte[])[] Gray(int side, byte[] train, byte[]? validation = null, byte[]? test = null) =>
    [
        .. Part("train", side, train),
        .. validation is null ? [] : Part("val", side, validation),
        .. test is null ? [] : Part("test", side, test),
    ];

    private static IEnumerable<(string, byte[])> Part(string name, int side, byte[] labels) =>
    [
        ($"{name}_images", Array("|u1", [labels.Length, side, side], [.. labels.SelectMany((label, row) => Enumerable.Repeat((byte)((label * 10) + row), side * side))])),
        ($"{name}_labels", Array("|u1", [labels.Length, 1], labels)),
    ];
}
