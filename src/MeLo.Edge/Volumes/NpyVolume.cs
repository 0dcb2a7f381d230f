using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>A volume as an array of NumPy, [depth, height, width]. Bytes are levels of gray as those of MedMNIST are; of other numbers the bundle says which are black and white.</summary>
internal static class NpyVolume
{
    /// <exception cref="ImageException">It is broken, over a limit, or no volume.</exception>
    public static Volume Decode(ReadOnlyMemory<byte> file, DicomVoi? voi, DecodeLimits limits)
    {
        int position = 0;
        NpyHeader header = NpyHeader.Read(Fill);
        if (header.Shape.Count != 3) throw Broken($"found an array of shape {header.ShapeText}, expected [depth,height,width]");
        if (header.ElementSize == 0) throw Broken($"found elements of type {PrintableText.Of(header.Type)}, expected whole numbers, or real ones, little-endian");
        (int depth, int height, int width) = header.IsFortran ? (header.Shape[2], header.Shape[1], header.Shape[0]) : (header.Shape[0], header.Shape[1], header.Shape[2]);
        limits.CheckVolume(ImageFormat.Npy, depth, height, width);
        long expected = header.Elements * header.ElementSize, found = file.Length - position;
        if (found != expected) throw Broken($"found {found} bytes of data, expected {expected} for {PrintableText.Of(header.Type)} {header.ShapeText}");
        // Truth values are no levels of gray: white is 1.
        VoxelType type = new(header.ElementSize, IsSigned: header.Type[1] is 'i' or 'b', header.IsReal, IsBigEndian: false);
        Volume volume = VolumeDecoder.FromNumbers(Fill, type, (depth, height, width), voi, ImageFormat.Npy);
        return header.IsFortran ? volume.Reversed() : volume;

        void Fill(Span<byte> bytes)
        {
            if (file.Length - position < bytes.Length) throw Broken("ends within its header");
            file.Span.Slice(position, bytes.Length).CopyTo(bytes);
            position += bytes.Length;
        }
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Npy, fault);
}
