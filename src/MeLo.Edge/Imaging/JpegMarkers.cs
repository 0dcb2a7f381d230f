using System.Buffers.Binary;
using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Walks the markers of a JPEG file (ITU-T T.81, annex B) before it is decoded, for what the decoder would not refuse by itself.
/// A file without restart intervals that holds a reserved marker, or a second frame, behind its first scan is broken: libjpeg stops
/// there, invents the rest of the picture and reports the error only to programs that read on to the end, as Pillow does.
/// Each scan of a progressive file passes over the whole picture, however few bytes it has, so a small file of thousands of scans
/// would keep a core busy for minutes (libjpeg-turbo's "Two Issues with the JPEG Standard", LJT-01-005). Metadata is cut out.
/// </summary>
internal static class JpegMarkers
{
    /// <summary>Full progression of four components takes 12 or so; mozjpeg's searches stay under 30.</summary>
    public const int MaxScans = 100;

    private const int MaxScansOfLargest = 20;

    private const byte StartOfImage = 0xD8, EndOfImage = 0xD9, StartOfScan = 0xDA, DefineRestartInterval = 0xDD;

    private const byte Jfif = 0xE0, Exif = 0xE1, Adobe = 0xEE, LastApplication = 0xEF, Comment = 0xFE;

    /// <exception cref="ImageException">There are too many scans for so large a picture, or what cannot follow a scan.</exception>
    public static CheckedFile Check(ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        int scans = 0, maxScans = MaxScansFor(FrameSize(bytes), limits);
        bool restarts = false;
        int? orientation = null;
        List<Range> dropped = [];
        int at = 0;
        while (Next(bytes, ref at) is byte marker)
        {
            if (marker is 0 or StartOfImage || IsRestart(marker)) continue;
            if (marker == EndOfImage) break;
            if (marker == DefineRestartInterval) restarts = true;
            if (marker == StartOfScan && ++scans > maxScans) throw ImageException.OverLimit("JPEG scans", scans, maxScans);
            if (scans > 0 && !restarts && (IsReserved(marker) || IsStartOfFrame(marker)))
                throw ImageException.Broken(ImageFormat.Jpeg, $"found marker {marker:x2} behind the first scan, expected tables, another scan or the end");
            if (marker == 1 || at + sizeof(ushort) > bytes.Length) continue;
            // A wrong length is for the decoder to refuse; here the search goes on behind it.
            int end = Math.Min(bytes.Length, at + Math.Max(sizeof(ushort), (int)BinaryPrimitives.ReadUInt16BigEndian(bytes[at..])));
            if (scans == 0 && IsMetadata(marker))
            {
                ReadOnlySpan<byte> data = bytes[Math.Min(end, at + sizeof(ushort))..end];
                if (marker == Exif && data.StartsWith(ExifOrientation.Prefix)) orientation ??= ExifOrientation.Read(data);
                dropped.Add((at - 2)..end);
            }
            at = end;
        }
        return new CheckedFile(CheckedFile.Without(file, dropped), orientation ?? 1, VipsFailOn.Error);
    }

    // Each scan costs as much as the picture has pixels, so the largest pictures may have fewer.
    private static int MaxScansFor((int Width, int Height)? frame, DecodeLimits limits)
    {
        long pixels = Math.Max(1, (long)(frame?.Width ?? 0) * (frame?.Height ?? 0));
        return (int)Math.Clamp(limits.MaxPixels / pixels * MaxScansOfLargest, MaxScansOfLargest, MaxScans);
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

    // JFIF and Adobe say what the components stand for; other application segments and comments say nothing about pixels.
    private static bool IsMetadata(byte marker) => marker is (> Jfif and <= LastApplication and not Adobe) or Comment;

    // C4, C8 and CC are tables and an extension.
    private static bool IsStartOfFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
}
