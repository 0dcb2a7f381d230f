using System.Buffers.Binary;
using System.IO.Compression;

namespace MeLo.Edge.Phantoms;

/// <summary>Writes PNG files, 8 or 16 bits a sample, gray or RGB, unfiltered (ISO/IEC 15948).</summary>
public static class PngFile
{
    private const int GrayType = 0;
    private const int RgbType = 2;

    private static readonly uint[] s_crc = CrcTable();

    /// <summary>The whole file.</summary>
    /// <param name="picture">What to write.</param>
    /// <param name="bits">8 or 16 a sample.</param>
    public static byte[] Write(Picture picture, int bits)
    {
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, picture.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), picture.Height);
        header[8] = (byte)bits;
        header[9] = (byte)(picture.Channels == 1 ? GrayType : RgbType);
        Chunk(file, "IHDR"u8, header);
        Chunk(file, "IDAT"u8, Deflate(picture, bits));
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Deflate(Picture picture, int bits)
    {
        using MemoryStream packed = new();
        using (ZLibStream zlib = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            byte[] row = new byte[1 + (picture.Width * picture.Channels * bits / 8)]; // the first byte is the row's filter: none
            for (int y = 0; y < picture.Height; y++)
            {
                int at = 1;
                foreach (ushort sample in picture.Samples.AsSpan(y * picture.Width * picture.Channels, picture.Width * picture.Channels))
                {
                    row[at++] = (byte)(sample >> 8);
                    if (bits == 16) row[at++] = (byte)sample;
                }
                zlib.Write(row);
            }
        }
        return packed.ToArray();
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        uint crc = uint.MaxValue;
        foreach (byte b in type) crc = s_crc[(crc ^ b) & 0xFF] ^ (crc >> 8);
        foreach (byte b in data) crc = s_crc[(crc ^ b) & 0xFF] ^ (crc >> 8);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~crc);
        file.Write(number);
    }

    private static uint[] CrcTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint c = i;
            for (int k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
        return table;
    }
}
