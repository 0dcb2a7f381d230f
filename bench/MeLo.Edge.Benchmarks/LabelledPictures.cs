using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>The pictures of a folder that its labels.csv names, prepared for a model.</summary>
/// <param name="Pixels">[3, size, size] each.</param>
/// <param name="Labels">The class of each.</param>
/// <param name="IsTraining">Whether each is for training.</param>
/// <param name="Classes">The number of classes.</param>
internal sealed record LabelledPictures(IReadOnlyList<float[]> Pixels, int[] Labels, bool[] IsTraining, int Classes)
{
    /// <summary>Reads a folder whose labels.csv has a heading and then file,label,split, where "train" is for training.</summary>
    public static LabelledPictures Read(string folder, VitArchitecture vit)
    {
        PreprocessRecipe recipe = BenchmarkModel.Recipe(vit);
        string[][] lines = [.. File.ReadLines(Path.Combine(folder, "labels.csv")).Skip(1).Select(line => line.Split(','))];
        string[] names = [.. lines.Select(l => l[1]).Distinct().Order(StringComparer.Ordinal)];
        List<float[]> pixels = [];
        foreach (string[] line in lines)
        {
            float[] picture = new float[recipe.TensorLength];
            Preprocessing.Apply(RasterDecoder.Decode(File.ReadAllBytes(Path.Combine(folder, line[0]))), recipe, picture);
            pixels.Add(picture);
        }
        return new LabelledPictures(pixels, [.. lines.Select(l => Array.IndexOf(names, l[1]))], [.. lines.Select(l => l[2] == "train")], names.Length);
    }
}
