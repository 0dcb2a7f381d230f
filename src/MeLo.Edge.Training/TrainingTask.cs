using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training;

/// <summary>What is to be learnt, on what, and where.</summary>
/// <param name="Architecture">The Vision Transformer.</param>
/// <param name="Weights">Its weights, canonical, F32; never written to.</param>
/// <param name="WeightsFolder">The folder of the weights' file.</param>
/// <param name="BaseDigest">The weights' digest.</param>
/// <param name="Dataset">The samples.</param>
/// <param name="Parts">Which samples train, validate and test.</param>
/// <param name="Recipe">How a picture becomes an input.</param>
/// <param name="Settings">How it is trained.</param>
/// <param name="Provider">Where the graphs run.</param>
/// <param name="Threads">Threads of the host that compute; 0 for one a core.</param>
/// <param name="CacheBytes">The most memory of prepared pictures that are kept.</param>
internal sealed record TrainingTask(
    VitArchitecture Architecture,
    SafetensorsFile Weights,
    string WeightsFolder,
    string BaseDigest,
    Dataset Dataset,
    Splits Parts,
    PreprocessRecipe Recipe,
    TrainingSettings Settings,
    Provider Provider,
    int Threads = 0,
    long CacheBytes = TrainingTask.DefaultCacheBytes)
{
    /// <summary>What a small hospital computer can spare: 4,000 gray or 1,300 colour pictures of 224 by 224.</summary>
    public const long DefaultCacheBytes = 1L << 30;

    /// <summary>The first samples of some as the graph takes them.</summary>
    /// <param name="samples">The samples' places in the dataset.</param>
    /// <param name="count">The most of them.</param>
    /// <returns>[samples * slices, 3, size, size] and its dimensions.</returns>
    public (float[] Pixels, long[] Shape) Pixels(IReadOnlyList<int> samples, int count)
    {
        SampleReader reader = new(Dataset, Recipe, cacheBytes: 0);
        int[] first = [.. samples.Take(count)];
        float[] pixels = new float[first.Length * reader.Length];
        reader.Read(first, Augmentation.None, seed: 0, pixels, ProcessorCores.Count);
        return (pixels, [first.Length * Dataset.Slices, CanonicalWeights.Channels, Recipe.Size, Recipe.Size]);
    }
}
