using System.Numerics;

namespace MeLo.Edge.Imaging;

/// <summary>Brings decoded pixels of any number of samples to gray or RGB, as Pillow's <c>convert("RGB")</c> does.</summary>
internal static class PixelReduction
{
    /// <summary>[pixels, bands] to [pixels, 1 or 3]: what is beyond the colour model's own samples, alpha first of all, is dropped.</summary>
    public static void Reduce<T>(ReadOnlySpan<T> source, int bands, ColourModel model, Span<T> destination)
        where T : unmanaged, INumber<T>
    {
        int channels = model == ColourModel.Gray ? 1 : 3;
        if (model == ColourModel.Cmyk)
        {
            for (int from = 0, to = 0; to < destination.Length; from += bands, to += channels)
                CmykToRgb(source.Slice(from, 4), destination.Slice(to, channels));
        }
        else if (bands == channels)
        {
            source.CopyTo(destination);
        }
        else if (channels == 1)
        {
            for (int from = 0, to = 0; to < destination.Length; from += bands, to++) destination[to] = source[from];
        }
        else
        {
            for (int from = 0, to = 0; to < destination.Length; from += bands, to += channels)
            {
                destination[to + 2] = source[from + 2];
                destination[to + 1] = source[from + 1];
                destination[to] = source[from];
            }
        }
    }

    // Convert.c, cmyk2rgb: (white - k) less its share of the ink.
    private static void CmykToRgb<T>(ReadOnlySpan<T> cmyk, Span<T> rgb)
        where T : unmanaged, INumber<T>
    {
        double white = White<T>();
        double light = white - double.CreateTruncating(cmyk[3]);
        for (int i = 0; i < 3; i++)
        {
            double value = Math.Clamp(light - (double.CreateTruncating(cmyk[i]) * light / white), 0, white);
            rgb[i] = T.CreateSaturating(typeof(T) == typeof(float) ? value : Math.Round(value));
        }
    }

    private static double White<T>()
        where T : unmanaged, INumber<T> =>
        typeof(T) == typeof(byte) ? byte.MaxValue : typeof(T) == typeof(ushort) ? ushort.MaxValue : 1;
}
