using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// What the native decoder is given of a file: its structure has been checked, and metadata, which is not needed and costs memory and
/// time at its writer's will (a PNG text of 4 MB can unpack to 12 GB), has been cut out. Orientation was read before.
/// </summary>
internal readonly record struct CheckedFile(ReadOnlyMemory<byte> Bytes, int Orientation, VipsFailOn FailOn)
{
    public static CheckedFile Read(ImageFormat format, ReadOnlyMemory<byte> file, DecodeLimits limits) => format switch
    {
        ImageFormat.Png => PngChunks.Check(file),
        ImageFormat.Jpeg => JpegMarkers.Check(file, limits),
        ImageFormat.WebP => WebPChunks.Check(file),
        _ => TiffTraits.Check(file, limits),
    };

    /// <summary>A copy of a file without some ranges, in ascending order; the file itself when there are none.</summary>
    public static ReadOnlyMemory<byte> Without(ReadOnlyMemory<byte> file, List<Range> ranges)
    {
        if (ranges.Count == 0) return file;
        byte[] rest = new byte[file.Length - ranges.Sum(r => r.End.Value - r.Start.Value)];
        int from = 0, to = 0;
        foreach (Range range in ranges.Append(file.Length..file.Length))
        {
            ReadOnlyMemory<byte> kept = file[from..range.Start.Value];
            kept.CopyTo(rest.AsMemory(to));
            to += kept.Length;
            from = range.End.Value;
        }
        return rest;
    }
}
