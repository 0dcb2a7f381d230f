using System.Buffers.Binary;

namespace MeLo.Edge.Training.Tests.Data;

/// <summary>Picture files made here: Windows bitmaps of 24 bits.</summary>
internal static class Bitmaps
{
    private const int Headers = 14 + 40;

    /// <summary>A picture of one colour.</summary>
    public static byte[] Of(int width, int height, byte red, byte green, byte blue) => Of(width, height, (_, _) => (red, green, blue));

    public static byte[] Of(int width, int height, Func<int, int, (byte Red, byte Green, byte Blue)> pixel)
    {
        int stride = ((width * 3) + 3) / 4 * 4;
        byte[] file = new byte[Headers + (stride * height)];
        file[0] = (byte)'B';
        file[1] = (byte)'M';
        Put(2, file.Length);
        Put(10, Headers);
        Put(14, 40);
        Put(18, width);
        Put(22, height);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(26), 1);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(28), 24);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = Headers + ((height - 1 - y) * stride) + (x * 3);
                (file[at + 2], file[at + 1], file[at]) = pixel(x, y);
            }
        }
        return file;

        void Put(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
    }
}
