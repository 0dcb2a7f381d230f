using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// Decodes and prepares samples, and keeps what is prepared up to a limit of memory. The same sample gives the same bits whether it was kept or not, whichever thread asks. Safe for concurrent use.
/// </summary>
/// <param name="dataset">The samples.</param>
/// <param name="recipe">How a picture is prepared.</param>
/// <param name="cacheBytes">The most bytes of prepared pictures to keep, 0 for none. The first ones stay: an epoch asks for all of them before it asks for one again.</param>
internal sealed class SampleReader(Dataset dataset, PreprocessRecipe recipe, long cacheBytes)
{
    /// <summary>Floats a sample: [slices, 3, size, size].</summary>
    public int Length => dataset.Slices * recipe.TensorLength;

    /// <summary>The bytes that are kept.</summary>
    public long CachedBytes => 0 * cacheBytes;

    /// <summary>Writes [slices, 3, size, size], prepared and normalised.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats.</param>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    public void Read(int sample, Span<float> pixels) => Read(sample, Augmentation.None, 0, pixels);

    /// <summary>As the other, and varied.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="augmentation">How it is varied.</param>
    /// <param name="seed">Of the run and the epoch, as <see cref="SplitMix64.Seed"/> makes it; the sample's number is mixed in here.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats.</param>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    public void Read(int sample, Augmentation augmentation, ulong seed, Span<float> pixels) => throw new NotImplementedException();

    /// <summary>Writes several samples one after the other, on several threads.</summary>
    /// <param name="samples">The samples' numbers.</param>
    /// <param name="augmentation">How they are varied.</param>
    /// <param name="seed">Of the run and the epoch.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats for each.</param>
    /// <param name="threads">The most threads, from 1, which is the calling one.</param>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    public void Read(IReadOnlyList<int> samples, Augmentation augmentation, ulong seed, Memory<float> pixels, int threads) => throw new NotImplementedException();

    /// <summary>Decodes samples before they are needed, so that faults show at once and the cache is full.</summary>
    /// <param name="samples">The samples' numbers.</param>
    /// <param name="threads">The most threads, from 1.</param>
    /// <param name="progress">Told the number of samples done, from any thread; may be null.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Prepare(IReadOnlyList<int> samples, int threads, Action<int>? progress = null, CancellationToken cancellation = default) => throw new NotImplementedException();
}
