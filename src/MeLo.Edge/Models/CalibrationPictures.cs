using MeLo.Edge.Imaging;

namespace MeLo.Edge.Models;

/// <summary>Pictures to look at a model with: drawn ones, or those of a folder.</summary>
internal static class CalibrationPictures
{
    private const int Drawings = 8, Discs = 40;

    /// <summary>
    /// Soft discs of every size over one another with a little noise, half of them grey: edges, gradients and textures as pictures have them.
    /// The same on every machine.
    /// </summary>
    /// <param name="size">Height and width.</param>
    /// <returns>[3, size, size] each, from -1 to 1.</returns>
    public static IEnumerable<float[]> Drawn(int size) => Enumerable.Range(0, Drawings).Select(seed => Draw(size, seed));

    /// <summary>The pictures of a folder, squashed to the size and normalised with mean and deviation 0.5.</summary>
    /// <exception cref="ModelException">The folder holds no file, or one that is no picture.</exception>
    public static IReadOnlyList<float[]> Of(string folder, int size)
    {
        PreprocessRecipe recipe = new(ResizeMode.Squash, size, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        List<float[]> pictures = [];
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            float[] pixels = new float[recipe.TensorLength];
            try
            {
                Preprocessing.Apply(RasterDecoder.Decode(File.ReadAllBytes(file)), recipe, pixels);
            }
            catch (ImageException e) when (e.IsFileAtFault)
            {
                throw ModelException.Option("calibrate", $"'{Path.GetFileName(file)}' in '{folder}': {e.Message}", e);
            }
            pictures.Add(pixels);
        }
        return pictures.Count > 0 ? pictures : throw ModelException.Option("calibrate", $"found no file in '{folder}', expected pictures");
    }

    private static float[] Draw(int size, int seed)
    {
        Random random = new(seed);
        int plane = size * size;
        float[] pixels = new float[CanonicalWeights.Channels * plane];
        for (int disc = 0; disc < Discs; disc++)
        {
            float x = random.NextSingle() * size, y = random.NextSingle() * size, radius = (0.02f + (random.NextSingle() * 0.35f)) * size;
            float softness = 0.5f + (random.NextSingle() * 0.04f * size), grey = (random.NextSingle() * 2) - 1;
            Span<float> colour = [grey, (random.NextSingle() * 2) - 1, (random.NextSingle() * 2) - 1];
            if (seed % 2 == 0) colour.Fill(grey);
            for (int i = 0; i < plane; i++)
            {
                float distance = float.Hypot((i % size) - x, (i / size) - y) - radius;
                float cover = 1 / (1 + float.Exp(distance / softness));
                for (int c = 0; c < CanonicalWeights.Channels; c++) pixels[(c * plane) + i] = float.Lerp(pixels[(c * plane) + i], colour[c], cover);
            }
        }
        for (int i = 0; i < pixels.Length; i++) pixels[i] = Math.Clamp(pixels[i] + ((random.NextSingle() - 0.5f) * 0.1f), -1, 1);
        return pixels;
    }
}
