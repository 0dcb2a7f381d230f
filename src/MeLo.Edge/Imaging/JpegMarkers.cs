using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Walks the markers of a JPEG file (ITU-T T.81, annex B) before it is decoded, for what the decoder would not refuse by itself.
/// A file without restart intervals that holds a reserved marker, or a second frame, behind its first scan is broken: libjpeg stops
/// there, invents the rest of the picture and reports the error only to programs that read on to the end, as Pillow does.
/// Each scan of a progressive file passes over the whole picture, however few bytes it has, so a small file of thousands of scans
/// would keep a core busy for minutes (libjpeg-turbo's "Two Issues with the JPEG Standard", LJT-01-005).
/// </summary>
internal static class JpegMarkers
{
    /// <summary>Full progression of four components takes 12 or so; mozjpeg's searches stay under 30.</summary>
    public const int MaxScans = 100;

    private const byte StartOfImage = 0xD8, EndOfImage = 0xD9, StartOfScan = 0xDA, DefineRestartInterval = 0xDD;

    /// <exception cref="ImageException">There are more than <see cref="MaxScans"/>, or what cannot follow a scan.</exception>
    public static void Check(ReadOnlySpan<byte> file)
    {
        int scans = 0;
        bool restarts = false;
        int at = 0;
        while (Next(file, ref at) is byte marker)
        {
            if (marker is 0 or StartOfImage || IsRestart(marker)) continue;
            if (marker == EndOfImage) return;
            if (marker == DefineRestartInterval) restarts = true;
            if (marker == StartOfScan && ++scans > MaxScans) throw ImageException.OverLimit("JPEG scans", scans, MaxScans);
            if (scans > 0 && !restarts && (IsReserved(marker) || IsStartOfFrame(marker)))
                throw ImageException.Broken(ImageFormat.Jpeg, $"found marker {marker:x2} behind the first scan, expected tables, another scan or the end");
            if (marker == 1 || at + sizeof(ushort) > file.Length) continue;
            // A wrong length is for the decoder to refuse; here the search goes on behind it.
            at = Math.Min(file.Length, at + Math.Max(sizeof(ushort), (int)BinaryPrimitives.ReadUInt16BigEndian(file[at..])));
        }
    }

    /// <summary>Width and height of the frame that begins at a JPEG's start, as its first frame header has them; null when there is none.</summary>
    public static (int Width, int Height)? FrameSize(ReadOnlySpan<byte> jpeg)
    {
        int at = 0;
        while (Next(jpeg, ref at) is byte marker)
        {
            if (marker is 0 or 1 or StartOfImage || IsRestart(marker)) continue;
            if (at + 7 > jpeg.Length || marker is EndOfImage or StartOfScan) return null;
            if (IsStartOfFrame(marker))
                return (BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 5)..]), BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 3)..]));
            at = Math.Min(jpeg.Length, at + Math.Max(sizeof(ushort), (int)BinaryPrimitives.ReadUInt16BigEndian(jpeg[at..])));
        }
        return null;
    }

    // 0xFF may be repeated before a marker; a 0 follows it where it is data.
    private static byte? Next(ReadOnlySpan<byte> file, ref int at)
    {
        while (true)
        {
            int found = file[at..].IndexOf((byte)0xFF);
            if (found < 0 || at + found + 1 >= file.Length) return null;
            at += found + 1;
            if (file[at] != 0xFF) return file[at++];
        }
    }

    private static bool IsRestart(byte marker) => marker is >= 0xD0 and <= 0xD7;

    private static bool IsReserved(byte marker) => marker is (>= 0x02 and <= 0xBF) or (>= 0xF0 and <= 0xFD);

    // C4, C8 and CC are tables and an extension.
    private static bool IsStartOfFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
}
