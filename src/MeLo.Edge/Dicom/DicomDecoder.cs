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
            GrayTransform transform = new(file.DataSet, description, frame, voi);
            float[] light = ArrayPool<float>.Shared.Rent(description.FrameLength);
            Render(samples, description, transform, light.AsSpan(0, description.FrameLength));
            return new PixelBuffer(description.Width, description.Height, 1, light, ImageFormat.Dicom, isRented: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    private static void Render(ReadOnlySpan<byte> samples, PixelDescription pixels, GrayTransform transform, Span<float> light)
    {
        if (pixels.BitsStored > MaxTableBits)
        {
            RenderDeep(MemoryMarshal.Cast<byte, uint>(samples), pixels, transform, light);
            return;
        }
        switch (pixels.SampleBytes)
        {
            case sizeof(byte): RenderByTable(samples, pixels, transform, light); break;
            case sizeof(ushort): RenderByTable(MemoryMarshal.Cast<byte, ushort>(samples), pixels, transform, light); break;
            default: RenderByTable(MemoryMarshal.Cast<byte, uint>(samples), pixels, transform, light); break;
        }
    }

    // Every value that can be stored is worked out once.
    private static void RenderByTable<T>(ReadOnlySpan<T> samples, PixelDescription pixels, GrayTransform transform, Span<float> light)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        uint mask = (1u << pixels.BitsStored) - 1;
        float[] table = new float[mask + 1];
        List<(double Value, int Pixels)> values = [];
        if (transform.NeedsValues)
        {
            int[] counts = new int[table.Length];
            foreach (T sample in samples) counts[(uint.CreateTruncating(sample) >> pixels.Shift) & mask]++;
            for (uint bits = 0; bits < counts.Length; bits++)
                if (counts[bits] > 0 && pixels.Value(bits << pixels.Shift) is var stored && !transform.IsPadding(stored)) values.Add((transform.Modality(stored), counts[bits]));
            values.Sort();
        }
        Func<double, double> toLight = transform.Light(Percentile);
        for (uint bits = 0; bits < table.Length; bits++)
        {
            long stored = pixels.Value(bits << pixels.Shift);
            table[bits] = transform.IsPadding(stored) ? 0 : (float)toLight(transform.Modality(stored));
        }
        for (int i = 0; i < light.Length; i++) light[i] = table[(uint.CreateTruncating(samples[i]) >> pixels.Shift) & mask];

        double Percentile(double percent)
        {
            long rank = Rank(percent, values.Sum(v => (long)v.Pixels));
            return values.FirstOrDefault(v => (rank -= v.Pixels) <= 0).Value;
        }
    }

    private static void RenderDeep(ReadOnlySpan<uint> samples, PixelDescription pixels, GrayTransform transform, Span<float> light)
    {
        int count = 0;
        if (transform.NeedsValues)
        {
            foreach (uint sample in samples)
                if (pixels.Value(sample) is var stored && !transform.IsPadding(stored)) light[count++] = (float)transform.Modality(stored);
            light[..count].Sort();
        }
        float[] sorted = light[..count].ToArray();
        Func<double, double> toLight = transform.Light(percent => count == 0 ? 0 : sorted[Rank(percent, count) - 1]);
        for (int i = 0; i < light.Length; i++)
        {
            long stored = pixels.Value(samples[i]);
            light[i] = transform.IsPadding(stored) ? 0 : (float)toLight(transform.Modality(stored));
        }
    }

    private static long Rank(double percent, long count) => Math.Max(1, (long)Math.Ceiling(percent / 100 * count));
}
