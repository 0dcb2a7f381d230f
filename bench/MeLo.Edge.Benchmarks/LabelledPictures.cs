using MeLo.Edge.Imaging;

namespace MeLo.Edge.Benchmarks;

/// <summary>The pictures of a folder that its labels.csv names, prepared for a model.</summary>
/// <param name="Pixels">[3, size, size] each.</param>
/// <param name="Labels">The class of each.</param>
/// <param name="IsTraining">Whether each is for training.</param>
/// <param name="Classes">The number of classes.</param>
internal sealed record LabelledPictures(IReadOnlyList<float[]> Pixels, int[] Labels, bool[] IsTraining, int Classes)
{
    /// <summary>The numbers of the pictures that are not for training.</summary>
    public int[] HeldOut => [.. Enumerable.Range(0, Labels.Length).Where(i => !IsTraining[i])];

    /// <summary>Reads a folder whose labels.csv has a heading and then file,label,split, where "train" is for training.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="recipe">How a picture becomes the input.</param>
    /// <param name="names">The classes in their order; null takes those of the file in byte order.</param>
    /// <exception cref="InvalidDataException">The file has a class that is not among the names.</exception>
    public static LabelledPictures Read(string folder, PreprocessRecipe recipe, IReadOnlyList<string>? names = null)
    {
        string[][] lines = [.. File.ReadLines(Path.Combine(folder, "labels.csv")).Skip(1).Select(line => line.Split(','))];
        string[] classes = names is not null ? [.. names] : [.. lines.Select(l => l[1]).Distinct().Order(StringComparer.Ordinal)];
        if (lines.Select(l => l[1]).Except(classes).FirstOrDefault() is { } unknown)
            throw new InvalidDataException($"{folder}/labels.csv: found the class '{unknown}', expected {string.Join(", ", classes)}");
        List<float[]> pixels = [];
        foreach (string[] line in lines)
        {
            float[] picture = new float[recipe.TensorLength];
            Preprocessing.Apply(RasterDecoder.Decode(File.ReadAllBytes(Path.Combine(folder, line[0]))), recipe, picture);
            pixels.Add(picture);
        }
        return new LabelledPictures(pixels, [.. lines.Select(l => Array.IndexOf(classes, l[1]))], [.. lines.Select(l => l[2] == "train")], classes.Length);
    }

    /// <summary>Those that are not for training.</summary>
    public LabelledPictures Held() =>
        new([.. HeldOut.Select(i => Pixels[i])], [.. HeldOut.Select(i => Labels[i])], new bool[HeldOut.Length], Classes);
}
