using MeLo.Edge.Imaging;

namespace MeLo.Edge.Models;

/// <summary>Pictures to look at a model with.</summary>
internal static class CalibrationPictures
{
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
}
