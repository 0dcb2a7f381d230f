using MeLo.Edge.Imaging;

namespace MeLo.Edge.Models;

/// <summary>Pictures to look at a model with.</summary>
internal static class CalibrationPictures
{
    // What Windows leaves among pictures, hidden there, but not where a folder was copied to.
    private static readonly string[] s_leftovers = ["Thumbs.db", "desktop.ini"];

    /// <summary>The files of a folder in order of their names, without hidden ones and what Windows leaves among pictures.</summary>
    /// <exception cref="ModelException">The folder is not there, or holds none.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        if (!Directory.Exists(folder)) throw ModelException.Option("calibrate", $"found no folder '{folder}', expected one with pictures");
        EnumerationOptions visible = new() { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false };
        string[] files = [.. Directory.EnumerateFiles(folder, "*", visible)
            .Where(file => !s_leftovers.Contains(Path.GetFileName(file), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        return files.Length > 0 ? files : throw ModelException.Option("calibrate", $"found no picture in '{folder}', expected some");
    }

    /// <summary>The pictures of a folder, squashed to the size and normalised with mean and deviation 0.5: one at a time, as they are asked for.</summary>
    /// <exception cref="ModelException">As <see cref="Files"/>, or one of them is no picture.</exception>
    public static IEnumerable<float[]> Of(string folder, int size)
    {
        PreprocessRecipe recipe = new(ResizeMode.Squash, size, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        foreach (string file in Files(folder))
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
            yield return pixels;
        }
    }
}
