using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Counts the scans of a JPEG file before it is decoded. Each scan of a progressive file passes over the whole picture, however few
/// bytes it has, so a small file of thousands of scans would keep a core busy for minutes (libjpeg-turbo, LJT-01-005, "the JPEG bomb").
/// </summary>
internal static class JpegScans
{
    /// <summary>Encoders write at most 12 (4 components, full progression); mozjpeg's searches stay under 30.</summary>
    public const int Max = 100;

    private const byte StartOfScan = 0xDA;
    private const byte EndOfImage = 0xD9;

    /// <exception cref="ImageException">There are more than <see cref="Max"/>.</exception>
    public static void Check(ReadOnlySpan<byte> file)
    {
        int scans = 0;
        int at = 0;
        while (true)
        {
            int found = file[at..].IndexOf((byte)0xFF);
            if (found < 0 || at + found + 1 >= file.Length) return;
            at += found + 1;
            byte marker = file[at];
            // 0xFF may be repeated before a marker; 0 follows it inside entropy-coded data; D0 to D8 and 01 have no length.
            if (marker is 0xFF) continue;
            at++;
            if (marker is 0 or 1 or (>= 0xD0 and <= 0xD8)) continue;
            if (marker == EndOfImage) return;
            if (marker == StartOfScan && ++scans > Max) throw ImageException.OverLimit("JPEG scans", scans, Max);
            if (at + sizeof(ushort) > file.Length) return;
            // A wrong length is for the decoder to refuse; here the search goes on behind it.
            at = Math.Min(file.Length, at + Math.Max(sizeof(ushort), (int)BinaryPrimitives.ReadUInt16BigEndian(file[at..])));
        }
    }
}
