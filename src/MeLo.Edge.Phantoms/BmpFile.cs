namespace MeLo.Edge.Phantoms;

/// <summary>Writes Windows bitmaps, 24 bits a pixel, bottom row first (BITMAPINFOHEADER).</summary>
public static class BmpFile
{
    /// <summary>The whole file.</summary>
    public static byte[] Write(Picture picture)
    {
        const int HeaderLength = 54;
        int stride = ((picture.Width * 3) + 3) / 4 * 4;
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write("BM"u8);
        writer.Write(HeaderLength + (stride * picture.Height));
        writer.Write(0);
        writer.Write(HeaderLength);
        writer.Write(40);
        writer.Write(picture.Width);
        writer.Write(picture.Height);
        writer.Write((short)1);
        writer.Write((short)24);
        for (int i = 0; i < 6; i++) writer.Write(0);
        for (int y = picture.Height - 1; y >= 0; y--)
        {
            for (int x = 0; x < picture.Width; x++)
            {
                for (int c = 2; c >= 0; c--) writer.Write(picture.Byte(x, y, c));
            }
            for (int pad = picture.Width * 3; pad < stride; pad++) writer.Write((byte)0);
        }
        writer.Flush();
        return file.ToArray();
    }
}
