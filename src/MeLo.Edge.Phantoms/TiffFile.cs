namespace MeLo.Edge.Phantoms;

/// <summary>Writes TIFF 6.0 files: little-endian, one strip, not compressed, 8 or 16 bits a sample.</summary>
public static class TiffFile
{
    private const ushort Short = 3;
    private const ushort Long = 4;

    /// <summary>The whole file.</summary>
    /// <param name="picture">What to write.</param>
    /// <param name="bits">8 or 16 a sample.</param>
    public static byte[] Write(Picture picture, int bits)
    {
        int dataLength = picture.Samples.Length * bits / 8;
        (ushort Tag, ushort Type, int Count, int Value)[] entries =
        [
            (256, Long, 1, picture.Width),
            (257, Long, 1, picture.Height),
            (258, Short, 1, bits), // one value is valid for all samples of gray; RGB gets its three below
            (259, Short, 1, 1),
            (262, Short, 1, picture.Channels == 1 ? 1 : 2),
            (273, Long, 1, 8),
            (277, Short, 1, picture.Channels),
            (278, Long, 1, picture.Height),
            (279, Long, 1, dataLength),
        ];
        int bitsOffset = 8 + dataLength;
        int directory = bitsOffset + 6;
        if (picture.Channels == 3) entries[2] = (258, Short, 3, bitsOffset);

        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write("II"u8);
        writer.Write((ushort)42);
        writer.Write(directory);
        foreach (ushort sample in picture.Samples)
        {
            if (bits == 16) writer.Write(sample);
            else writer.Write((byte)(sample >> 8));
        }
        for (int i = 0; i < 3; i++) writer.Write((ushort)bits);
        writer.Write((ushort)entries.Length);
        foreach ((ushort tag, ushort type, int count, int value) in entries)
        {
            writer.Write(tag);
            writer.Write(type);
            writer.Write(count);
            writer.Write(value);
        }
        writer.Write(0);
        writer.Flush();
        return file.ToArray();
    }
}
