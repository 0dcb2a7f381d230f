using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tools;

/// <summary>
/// The input of a bundle's self-test: a made-up picture, the same for every bundle of one size and normalisation. It has structure at
/// every scale, from a gradient to single pixels, so that every patch differs; one input keeps a bundle near its adapter's size.
/// </summary>
internal static class ProbePixels
{
    private const int Channels = 3;

    /// <summary>[1, 3, size, size], normalised as the recipe says.</summary>
    public static float[] For(PreprocessRecipe recipe)
    {
        int size = recipe.Size;
        float[] pixels = new float[Channels * size * size];
        for (int channel = 0; channel < Channels; channel++)
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                {
                    // Sample in 0..1: half of it smooth, half noise.
                    double smooth = (x * (channel + 1) + (y * (Channels - channel))) / (double)((Channels + 1) * size);
                    double sample = (0.5 * smooth) + (0.5 * Noise((uint)(((channel * size) + y) * size) + (uint)x));
                    pixels[(((channel * size) + y) * size) + x] = (float)((sample - recipe.Mean[channel]) / recipe.Std[channel]);
                }
        return pixels;
    }

    // Our own generator (the finalizer of SplitMix64, Steele et al. 2014): the same numbers on every platform and version of .NET.
    private static double Noise(uint index)
    {
        ulong z = (index + 1UL) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
