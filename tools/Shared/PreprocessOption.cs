using System.Text;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tools;

/// <summary>What <c>--preprocess</c> says: a preset's name, a recipe as JSON, or the name of a file with one.</summary>
internal static class PreprocessOption
{
    /// <summary>The recipe of a name, fitted to the base's images; a recipe in JSON is taken as it is.</summary>
    /// <exception cref="BundleException">The JSON is no recipe.</exception>
    /// <exception cref="RefusedException">The recipe is for images of another size.</exception>
    public static PreprocessRecipe Resolve(string text, int imageSize)
    {
        if (PreprocessRecipe.Presets.TryGetValue(text, out PreprocessRecipe? preset)) return Fit(preset, imageSize);
        if (text.TrimStart().StartsWith('{')) return Check(PreprocessRecipeJson.Parse(Encoding.UTF8.GetBytes(text), "--preprocess"), "--preprocess", imageSize);
        if (File.Exists(text)) return Check(PreprocessRecipeJson.Parse(File.ReadAllBytes(text), Path.GetFileName(text)), text, imageSize);
        throw UsageException.Options($"--preprocess: found '{text}', expected {string.Join(", ", PreprocessRecipe.Presets.Keys)}, a recipe as JSON, or a file with one.");
    }

    private static PreprocessRecipe Check(PreprocessRecipe recipe, string source, int imageSize) => recipe.Size == imageSize
        ? recipe
        : throw RefusedException.File(source, $"found images of {recipe.Size} pixels, expected {imageSize} as the base takes");

    // A preset is written for 224 pixels; what counts is its way of resizing, the same part of the picture for every size.
    private static PreprocessRecipe Fit(PreprocessRecipe preset, int size)
    {
        int? shortest = preset.ShortestSide is { } side ? (int)Math.Round((double)side * size / preset.Size) : null;
        return new PreprocessRecipe(preset.Resize, size, preset.Interpolation, preset.Mean, preset.Std, shortest, preset.HonourOrientation);
    }
}
