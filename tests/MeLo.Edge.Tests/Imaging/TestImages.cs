using System.Buffers.Binary;
using System.IO.Compression;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>Small files of every format, made here, so that the tests need nothing else.</summary>
internal static class TestImages
{
    // Made with Pillow 9.4: 24 x 16 pixels of (10 x, 15 y, (7 x + 3 y) mod 256); the last one 16 x 16.
    public const int CodecWidth = 24, CodecHeight = 16;

    public static readonly byte[] Jpeg = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb" +
        "qmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAQ" +
        "ABgDAREAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABAMF/8QAFxAAAwEAAAAAAAAAAAAAAAAAAAMEYf/EABgBAAMBAQAAAAAAAAAAAAAAAA" +
        "IDBAUG/8QAFxEAAwEAAAAAAAAAAAAAAAAAAAECA//aAAwDAQACEQMRAD8Axlz4CqBjQSufBioqjQSufBqoqjQoufDOVHORoJXPg1UVRoJXPgxU" +
        "VRof/9k=");

    public static readonly byte[] ProgressiveJpeg = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb" +
        "qmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wgARCAAQ" +
        "ABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAwAE/8QAFgEBAQEAAAAAAAAAAAAAAAAAAgME/9oADAMBAAIQAxAAAAHErKSFrqaP/8" +
        "QAFhAAAwAAAAAAAAAAAAAAAAAAAAEC/9oACAEBAAEFAlIpFIpFIpP/xAAXEQADAQAAAAAAAAAAAAAAAAAAAQMC/9oACAEDAQE/Ac0FQ//EABcR" +
        "AQADAAAAAAAAAAAAAAAAAAABAhL/2gAIAQIBAT8BizT/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAY/Al//xAAUEAEAAAAAAAAAAAAAAA" +
        "AAAAAg/9oACAEBAAE/IUAB/9oADAMBAAIAAwAAABCj3//EABURAQEAAAAAAAAAAAAAAAAAAAAh/9oACAEDAQE/EFB//8QAFREBAQAAAAAAAAAA" +
        "AAAAAAAAAAH/2gAIAQIBAT8QEP/EABUQAQEAAAAAAAAAAAAAAAAAAABh/9oACAEBAAE/EIIIIIIP/9k=");

    /// <summary>EXIF orientation 6.</summary>
    public static readonly byte[] TurnedJpeg = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKF" +
        "E6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSk" +
        "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAQABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABAAF/8QAFxAAAwEAAA" +
        "AAAAAAAAAAAAAAAAMEYf/EABYBAQEBAAAAAAAAAAAAAAAAAAMEBf/EABkRAAIDAQAAAAAAAAAAAAAAAAADAQIEIf/aAAwDAQACEQMRAD8Axlz4" +
        "JXPg1c+CVz4HVgatAJc+Eay58Iohho10cP/Z");

    public static readonly byte[] CmykJpeg = Convert.FromBase64String(
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6ps" +
        "eZqKuk/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAUABv/EABoQAQABBQAAAAAAAAAAAAAAAAAEAhQxQWH/2gAO" +
        "BEMATQBZAEsAAD8AJgaE2PBESjDTNJA0rHhiJRhM3A00djwdEowmkgaVjwzEown/2Q==");

    public static readonly byte[] LosslessWebP = Convert.FromBase64String(
        "UklGRjYAAABXRUJQVlA4TCoAAAAvF8ADAAmASGp/6yUi+p9aAAXib9xPIqL/KQgJCA/8fyyKozAHkcBVNwM=");

    public static readonly byte[] LossyWebP = Convert.FromBase64String(
        "UklGRmAAAABXRUJQVlA4IFQAAADQAwCdASoYABAAPxF0tFAsJyUisAgBgCIJbACdMoR3JoADsu03R6AA/uw9qei/NzBck1Q41Jx0jPVI1G+WS5" +
        "NnX1CKaueSkXwzoWRwRIbqbFY0oAA=");

    public static (byte R, byte G, byte B) CodecPixel(int x, int y) => ((byte)(10 * x), (byte)(15 * y), (byte)(((7 * x) + (3 * y)) % 256));

    /// <summary>A PNG of packed rows, each without its filter byte.</summary>
    public static byte[] Png(int width, int height, int bitDepth, int colourType, byte[] rows, byte[]? palette = null, byte[]? transparency = null)
    {
        int rowBytes = rows.Length / height;
        using MemoryStream raw = new();
        for (int y = 0; y < height; y++)
        {
            raw.WriteByte(0);
            raw.Write(rows, y * rowBytes, rowBytes);
        }
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        Chunk(file, "IHDR"u8, [.. Big(width), .. Big(height), (byte)bitDepth, (byte)colourType, 0, 0, 0]);
        if (palette is not null) Chunk(file, "PLTE"u8, palette);
        if (transparency is not null) Chunk(file, "tRNS"u8, transparency);
        Chunk(file, "IDAT"u8, Deflate(raw.ToArray()));
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>A little-endian TIFF of one strip or tile (given a tile size), then its directory.</summary>
    public static byte[] Tiff(int width, int height, int bits, int samples, int photometric, byte[] data, int compression = 1,
        int sampleFormat = 1, int orientation = 1, int? extraSample = null, int? tile = null, int[]? subsampling = null, int[]? colourMap = null)
    {
        List<(ushort Tag, ushort Type, uint[] Values)> entries =
        [
            (256, 4, [(uint)width]), (257, 4, [(uint)height]), (258, 3, [.. Enumerable.Repeat((uint)bits, samples)]),
            (259, 3, [(uint)compression]), (262, 3, [(uint)photometric]), (274, 3, [(uint)orientation]), (277, 3, [(uint)samples]),
            (339, 3, [.. Enumerable.Repeat((uint)sampleFormat, samples)]),
        ];
        if (extraSample is not null) entries.Add((338, 3, [(uint)extraSample]));
        if (subsampling is not null) entries.Add((530, 3, [.. subsampling.Select(s => (uint)s)]));
        if (colourMap is not null) entries.Add((320, 3, [.. colourMap.Select(c => (uint)c)]));
        if (tile is int side) entries.AddRange([(322, 4, [(uint)side]), (323, 4, [(uint)side]), (324, 4, [8]), (325, 4, [(uint)data.Length])]);
        else entries.AddRange([(273, 4, [8]), (278, 4, [(uint)height]), (279, 4, [(uint)data.Length])]);
        entries.Sort((a, b) => a.Tag.CompareTo(b.Tag));

        // header, data, values that do not fit their entry, directory
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write("II*\0"u8);
        writer.Write(0u);
        writer.Write(data);
        if (file.Length % 2 != 0) writer.Write((byte)0);
        Dictionary<ushort, uint> outside = [];
        foreach ((ushort tag, ushort type, uint[] values) in entries.Where(e => e.Values.Length * (e.Type == 3 ? 2 : 4) > 4))
        {
            outside[tag] = (uint)file.Position;
            foreach (uint value in values) writer.Write((ushort)value);
        }
        uint directory = (uint)file.Position;
        writer.Write((ushort)entries.Count);
        foreach ((ushort tag, ushort type, uint[] values) in entries)
        {
            writer.Write(tag);
            writer.Write(type);
            writer.Write((uint)values.Length);
            if (outside.TryGetValue(tag, out uint offset)) writer.Write(offset);
            else if (type == 3) writer.Write(values[0] | (values.Length > 1 ? values[1] << 16 : 0));
            else writer.Write(values[0]);
        }
        writer.Write(0u);
        byte[] bytes = file.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), directory);
        return bytes;
    }

    /// <summary>A bitmap with a 40-byte header (12 when <paramref name="core"/>); <paramref name="pixels"/> as stored.</summary>
    public static byte[] Bmp(int width, int height, int bits, byte[] pixels, int compression = 0, byte[]? palette = null, uint[]? masks = null,
        bool core = false)
    {
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        int colours = (palette?.Length ?? 0) / (core ? 3 : 4);
        int start = 14 + (core ? 12 : 40) + ((masks?.Length ?? 0) * 4) + (palette?.Length ?? 0);
        writer.Write("BM"u8);
        writer.Write(start + pixels.Length);
        writer.Write(0);
        writer.Write(start);
        if (core)
        {
            writer.Write(12);
            foreach (int value in (int[])[width, height, 1, bits]) writer.Write((ushort)value);
        }
        else
        {
            writer.Write(40);
            writer.Write(width);
            writer.Write(height);
            writer.Write((ushort)1);
            writer.Write((ushort)bits);
            foreach (int value in (int[])[compression, pixels.Length, 2835, 2835, colours, 0]) writer.Write(value);
        }
        foreach (uint mask in masks ?? []) writer.Write(mask);
        writer.Write(palette ?? []);
        writer.Write(pixels);
        return file.ToArray();
    }

    public static byte[] Deflate(byte[] data)
    {
        using MemoryStream compressed = new();
        using (ZLibStream zlib = new(compressed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(data);
        return compressed.ToArray();
    }

    /// <summary>Bytes that are never the same two rows running.</summary>
    public static byte[] Bytes(int count, int seed = 1)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        file.Write(Big(data.Length));
        byte[] body = [.. type, .. data];
        file.Write(body);
        file.Write(Big((int)Crc32(body)));
    }

    private static byte[] Big(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    // ISO/IEC 15948, annex D, a bit at a time.
    private static uint Crc32(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
