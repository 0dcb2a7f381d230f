using System.Buffers;
using System.Runtime.InteropServices;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Decodes DICOM images to what a model is given: gray through the modality transform and the window that the bundle asks for, kept in floats; colour as red, green and blue. Details and
/// exceptions: docs/dicom.md.
/// </summary>
/// <remarks>Safe for concurrent use; decodes on the calling thread.</remarks>
public static class DicomDecoder
{
    // Above it a table of every value would be longer than most images.
    private const int MaxTableBits = 16;

    /// <summary>Whether a file is meant to be a DICOM file: by its prefix, or without one by its first element.</summary>
    public static bool IsDicom(ReadOnlySpan<byte> file) => DicomFile.IsOne(file);

    /// <summary>Decodes an image of one frame in memory.</summary>
    /// <param name="file">The file; it must not change meanwhile.</param>
    /// <param name="voi">What becomes black and white in a gray image.</param>
    /// <param name="limits">What it may cost; <see cref="DecodeLimits.Default"/> unless given.</param>
    /// <exception cref="ImageException">The file is broken, truncated, over a limit, no image of one frame, or of a compression that is not decoded here.</exception>
    public static PixelBuffer Decode(ReadOnlyMemory<byte> file, DicomVoi voi, DecodeLimits? limits = null)
    {
        limits ??= DecodeLimits.Default;
        DicomFile dicom = DicomFile.Open(file, limits);
        int frames = PixelDescription.Of(dicom.DataSet, limits).Frames;
        if (frames > 1) throw ImageException.Broken(ImageFormat.Dicom, $"found {frames} frames, expected 1 for a task that takes images");
        return Decode(dicom, DicomPixels.Open(dicom, limits), frame: 0, voi);
    }

    /// <summary>Decodes a frame.</summary>
    /// <exception cref="ImageException">The frame is broken.</exception>
    internal static PixelBuffer Decode(DicomFile file, DicomPixels pixels, int frame, DicomVoi voi)
    {
        byte[] stored = ArrayPool<byte>.Shared.Rent((int)pixels.FrameBytes);
        try
        {
            Span<byte> samples = stored.AsSpan(0, (int)pixels.FrameBytes);
            pixels.Read(frame, samples);
            PixelDescription description = pixels.Description;
            if (description.Samples == 3) return DicomColour.Decode(samples, description);
            if (description.Photometric == Photometric.PaletteColor) return DicomColour.DecodePalette(samples, description, file.DataSet);
            GrayTransform transform = new(file.DataSet, file.DataSet.Item(DicomTag.PerFrameFunctionalGroups, frame), description, voi);
            float[] light = ArrayPool<float>.Shared.Rent(description.FrameLength);
            Render(samples, description, transform, light.AsSpan(0, description.FrameLength));
            return new PixelBuffer(description.Width, description.Height, 1, light, ImageFormat.Dicom, isRented: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    /// <summary>Decodes a gray frame to the values behind its modality transform, NaN where it is padded.</summary>
    /// <param name="pixels">The stored samples.</param>
    /// <param name="frame">From 0.</param>
    /// <param name="transform">The frame's.</param>
    /// <param name="values">[height, width].</param>
    /// <exception cref="ImageException">The frame is broken.</exception>
    internal static void ReadValues(DicomPixels pixels, int frame, GrayTransform transform, Span<float> values)
    {
        byte[] stored = ArrayPool<byte>.Shared.Rent((int)pixels.FrameBytes);
        try
        {
            Span<byte> samples = stored.AsSpan(0, (int)pixels.FrameBytes);
            pixels.Read(frame, samples);
            Map(samples, pixels.Description, transform.Value, values);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    private static void Render(ReadOnlySpan<byte> samples, PixelDescription pixels, GrayTransform transform, Span<float> light)
    {
        double black = 0, white = 0;
        if (transform.Percentiles is var (low, high))
        {
            Map(samples, pixels, transform.Value, light);
            (black, white) = (ValueRank.Percentile(light, low), ValueRank.Percentile(light, high));
        }
        Func<double, double> toLight = transform.Light(black, white);
        Map(samples, pixels, stored => transform.IsPadding(stored) ? 0 : (float)toLight(transform.Modality(stored)), light);
    }

    private static void Map(ReadOnlySpan<byte> samples, PixelDescription pixels, Func<long, float> map, Span<float> result)
    {
        if (pixels.BitsStored > MaxTableBits)
        {
            ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(samples);
            for (int i = 0; i < result.Length; i++) result[i] = map(pixels.Value(words[i]));
            return;
        }
        // Every value that can be stored is worked out once.
        float[] table = new float[1 << pixels.BitsStored];
        for (uint bits = 0; bits < table.Length; bits++) table[bits] = map(pixels.Value(bits << pixels.Shift));
        switch (pixels.SampleBytes)
        {
            case sizeof(byte): Look(samples, pixels.Shift, table, result); break;
            case sizeof(ushort): Look(MemoryMarshal.Cast<byte, ushort>(samples), pixels.Shift, table, result); break;
            default: Look(MemoryMarshal.Cast<byte, uint>(samples), pixels.Shift, table, result); break;
        }
    }

    private static void Look<T>(ReadOnlySpan<T> samples, int shift, float[] table, Span<float> result)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        uint mask = (uint)table.Length - 1;
        for (int i = 0; i < result.Length; i++) result[i] = table[(uint.CreateTruncating(samples[i]) >> shift) & mask];
    }
}
