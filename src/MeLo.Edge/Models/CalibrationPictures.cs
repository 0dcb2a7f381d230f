using MeLo.Edge.Imaging;

namespace MeLo.Edge.Models;

/// <summary>Pictures to look at a model with.</summary>
internal static class CalibrationPictures
{
    /// <summary>The pictures of a folder, squashed to the size and normalised with mean and deviation 0.5: one at a time, as they are asked for.</summary>
    /// <exception cref="ModelException">The folder is not there, holds no file, or one that is no picture.</exception>
    public static IEnumerable<float[]> Of(string folder, int size)
    {
        if (!Directory.Exists(folder)) throw ModelException.Option("calibrate", $"found no folder '{folder}', expected one with pictures");
        PreprocessRecipe recipe = new(ResizeMode.Squash, size, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        bool any = false;
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
            any = true;
            yield return pixels;
        }
        if (!any) throw ModelException.Option("calibrate", $"found no file in '{folder}', expected pictures");
    }
}
