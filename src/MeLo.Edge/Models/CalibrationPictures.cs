using MeLo.Edge.Imaging;

namespace MeLo.Edge.Models;

/// <summary>
/// Pictures to look at a model with: the files of a folder in order of their names, without hidden ones and what Windows leaves among pictures.
/// An import asks for all of them twice: to see that each is a picture before it begins, and to look at the model. What was prepared is kept as far as it fits into a budget; the rest is decoded again each time.
/// </summary>
internal sealed class CalibrationPictures
{
    /// <summary>445 pictures at 224², where calibration takes some dozens.</summary>
    public const long KeptBytes = 256L << 20;

    private readonly string _folder;
    private readonly string[] _files;
    private readonly PreprocessRecipe _recipe;
    private readonly long _budget;
    private readonly List<float[]> _kept = [];

    /// <param name="folder">The folder.</param>
    /// <param name="size">Their height and width once they are prepared.</param>
    /// <param name="budget">The most bytes to keep.</param>
    /// <exception cref="ModelException">The folder is not there, or holds none.</exception>
    public CalibrationPictures(string folder, int size, long budget = KeptBytes)
    {
        if (!Directory.Exists(folder)) throw ModelException.Option("calibrate", $"found no folder '{folder}', expected one with pictures");
        _files = [.. ImageFolder.Files(folder).Order(StringComparer.Ordinal)];
        if (_files.Length == 0) throw ModelException.Option("calibrate", $"found no picture in '{folder}', expected some");
        _folder = folder;
        _recipe = new PreprocessRecipe(ResizeMode.Squash, size, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        _budget = budget;
    }

    public int Count => _files.Length;

    /// <summary>All pictures, [3, size, size] each, squashed to the size and normalised with mean and deviation 0.5: one at a time, as they are asked for. To be read only.</summary>
    /// <exception cref="ModelException">One of them is no picture.</exception>
    public IEnumerable<float[]> All()
    {
        for (int i = 0; i < _files.Length; i++)
        {
            if (i == _kept.Count && (i + 1L) * _recipe.TensorLength * sizeof(float) <= _budget) _kept.Add(Prepare(_files[i]));
            yield return i < _kept.Count ? _kept[i] : Prepare(_files[i]);
        }
    }

    private float[] Prepare(string file)
    {
        float[] pixels = new float[_recipe.TensorLength];
        try
        {
            Preprocessing.Apply(RasterDecoder.Decode(File.ReadAllBytes(file)), _recipe, pixels);
        }
        catch (ImageException e) when (e.IsFileAtFault)
        {
            throw ModelException.Option("calibrate", $"'{Path.GetFileName(file)}' in '{_folder}': {e.Message}", e);
        }
        return pixels;
    }
}
