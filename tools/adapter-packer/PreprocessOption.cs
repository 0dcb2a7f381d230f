using System.Text;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;

namespace AdapterPacker;

/// <summary>What <c>--preprocess</c> says: a preset's name, a recipe as JSON, or the name of a file with one.</summary>
internal static class PreprocessOption
{
    /// <summary>The recipe of a name, fitted to the base's images; a recipe in JSON is taken as it is.</summary>
    /// <exception cref="BundleException">The JSON is no recipe.</exception>
    public static PreprocessRecipe Resolve(string text, int imageSize)
    {
        if (PreprocessRecipe.Presets.TryGetValue(text, out PreprocessRecipe? preset)) return Fit(preset, imageSize);
        if (text.TrimStart().StartsWith('{')) return PreprocessRecipeJson.Parse(Encoding.UTF8.GetBytes(text), "--preprocess");
        if (File.Exists(text)) return PreprocessRecipeJson.Parse(File.ReadAllBytes(text), Path.GetFileName(text));
        throw UsageException.Options($"--preprocess: found '{text}', expected {string.Join(", ", PreprocessRecipe.Presets.Keys)}, a recipe as JSON, or a file with one.");
    }

    // A preset is written for 224 pixels; what counts is its way of resizing, the same part of the picture for every size.
    private static PreprocessRecipe Fit(PreprocessRecipe preset, int size)
    {
        int? shortest = preset.ShortestSide is { } side ? (int)Math.Round((double)side * size / preset.Size) : null;
        return new PreprocessRecipe(preset.Resize, size, preset.Interpolation, preset.Mean, preset.Std, shortest, preset.HonourOrientation);
    }
}
