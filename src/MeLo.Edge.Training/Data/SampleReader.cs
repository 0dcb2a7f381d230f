using System.Buffers;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// Decodes and prepares samples, and keeps what is prepared up to a limit of memory. The same sample gives the same bits whether it was kept or not, whichever thread asks. Safe for concurrent use.
/// </summary>
internal sealed class SampleReader
{
    private const int Channels = 3;

    private readonly Dataset _dataset;
    private readonly PreprocessRecipe _recipe, _levels;
    private readonly int _plane;
    private readonly long _cacheBytes;

    // Each written once; [slices, 1 or 3, size, size].
    private readonly ushort[]?[] _kept;
    private long _keptBytes;

    /// <param name="dataset">The samples.</param>
    /// <param name="recipe">How a picture is prepared.</param>
    /// <param name="cacheBytes">The most bytes of prepared pictures to keep, 0 for none. The first ones stay: an epoch asks for all of them before it asks for one again.</param>
    public SampleReader(Dataset dataset, PreprocessRecipe recipe, long cacheBytes)
    {
        (_dataset, _recipe, _cacheBytes) = (dataset, recipe, cacheBytes);
        _levels = PreparedLevels.WithoutNormalising(recipe);
        _plane = recipe.Size * recipe.Size;
        _kept = new ushort[dataset.Samples.Count][];
        if ((long)dataset.Slices * recipe.TensorLength > Array.MaxLength)
            throw DatasetException.Of(dataset.Source, $"found {dataset.Slices} slices a volume, expected at most {Array.MaxLength / recipe.TensorLength} at {recipe.Size} x {recipe.Size} pixels");
    }

    /// <summary>Floats a sample: [slices, 3, size, size].</summary>
    public int Length => _dataset.Slices * _recipe.TensorLength;

    /// <summary>The bytes that are kept: 2 a pixel of gray pictures, 6 of those with colour.</summary>
    public long CachedBytes => Interlocked.Read(ref _keptBytes);

    /// <summary>Writes [slices, 3, size, size], prepared and normalised.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats.</param>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    public void Read(int sample, Span<float> pixels) => Read(sample, Augmentation.None, seed: 0, pixels);

    /// <summary>As the other, and varied.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="augmentation">How it is varied.</param>
    /// <param name="seed">Of the run and the epoch, as <see cref="SplitMix64.Seed"/> makes it; the sample's number is mixed in here.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats.</param>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    public void Read(int sample, Augmentation augmentation, ulong seed, Span<float> pixels)
    {
        if (pixels.Length != Length) throw new ArgumentException($"found {pixels.Length} floats, expected {Length} for [{_dataset.Slices}, 3, {_recipe.Size}, {_recipe.Size}]", nameof(pixels));
        if (Volatile.Read(ref _kept[sample]) is { } kept)
        {
            Write(kept, sample, augmentation, seed, pixels);
            return;
        }
        ushort[] buffer = ArrayPool<ushort>.Shared.Rent(Length);
        try
        {
            ReadOnlySpan<ushort> prepared = Prepare(sample, buffer);
            Keep(sample, prepared);
            Write(prepared, sample, augmentation, seed, pixels);
        }
        finally
        {
            ArrayPool<ushort>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes several samples one after the other, on several threads.</summary>
    /// <param name="samples">The samples' numbers.</param>
    /// <param name="augmentation">How they are varied.</param>
    /// <param name="seed">Of the run and the epoch.</param>
    /// <param name="pixels">Exactly <see cref="Length"/> floats for each.</param>
    /// <param name="threads">The most threads, from 1.</param>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    public void Read(IReadOnlyList<int> samples, Augmentation augmentation, ulong seed, Memory<float> pixels, int threads)
    {
        if (pixels.Length != (long)samples.Count * Length) throw new ArgumentException($"found {pixels.Length} floats, expected {samples.Count} x {Length}", nameof(pixels));
        Read([.. samples.Select((sample, i) => (sample, pixels.Slice(i * Length, Length)))], augmentation, seed, threads);
    }

    /// <summary>Writes several samples to where each belongs, on several threads.</summary>
    /// <param name="places">The samples' numbers, and for each exactly <see cref="Length"/> floats.</param>
    /// <param name="augmentation">How they are varied.</param>
    /// <param name="seed">Of the run and the epoch.</param>
    /// <param name="threads">The most threads, from 1.</param>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    public void Read(IReadOnlyList<(int Sample, Memory<float> Pixels)> places, Augmentation augmentation, ulong seed, int threads) =>
        EverySample.Do(_dataset.Source, places.Count, threads, i => Read(places[i].Sample, augmentation, seed, places[i].Pixels.Span), CancellationToken.None);

    /// <summary>Decodes samples before they are needed, so that faults show at once and the cache is full.</summary>
    /// <param name="samples">The samples' numbers.</param>
    /// <param name="threads">The most threads, from 1.</param>
    /// <param name="progress">Told the number of samples done, from any thread; may be null.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Prepare(IReadOnlyList<int> samples, int threads, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        int done = 0;
        EverySample.Do(
            _dataset.Source,
            samples.Count,
            threads,
            i =>
            {
                if (Volatile.Read(ref _kept[samples[i]]) is null)
                {
                    ushort[] buffer = ArrayPool<ushort>.Shared.Rent(Length);
                    try
                    {
                        Keep(samples[i], Prepare(samples[i], buffer));
                    }
                    finally
                    {
                        ArrayPool<ushort>.Shared.Return(buffer);
                    }
                }
                progress?.Invoke(Interlocked.Increment(ref done));
            },
            cancellation);
    }

    /// <summary>[slices, 1 or 3, size, size] at the beginning of a buffer for three channels: one where no slice has colour, as gray pictures in files of colour have not either.</summary>
    private ReadOnlySpan<ushort> Prepare(int sample, ushort[] buffer)
    {
        float[] pixels = ArrayPool<float>.Shared.Rent(_recipe.TensorLength);
        try
        {
            Span<float> picture = pixels.AsSpan(0, _recipe.TensorLength);
            bool hasColour = false;
            foreach ((int slice, PixelBuffer image) in _dataset.Pictures.Read(sample).Index())
            {
                Preprocessing.Apply(image, _levels, picture);
                image.Return();
                Span<ushort> levels = buffer.AsSpan(slice * _recipe.TensorLength, _recipe.TensorLength);
                PreparedLevels.Quantise(picture, levels);
                hasColour |= !levels[.._plane].SequenceEqual(levels.Slice(_plane, _plane)) || !levels[.._plane].SequenceEqual(levels[(2 * _plane)..]);
            }
            if (hasColour) return buffer.AsSpan(0, Length);
            for (int slice = 1; slice < _dataset.Slices; slice++) buffer.AsSpan(slice * _recipe.TensorLength, _plane).CopyTo(buffer.AsSpan(slice * _plane));
            return buffer.AsSpan(0, _dataset.Slices * _plane);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    private void Keep(int sample, ReadOnlySpan<ushort> prepared)
    {
        long bytes = (long)prepared.Length * sizeof(ushort);
        if (Interlocked.Add(ref _keptBytes, bytes) > _cacheBytes || Interlocked.CompareExchange(ref _kept[sample], prepared.ToArray(), null) is not null)
            Interlocked.Add(ref _keptBytes, -bytes);
    }

    private void Write(ReadOnlySpan<ushort> levels, int sample, Augmentation augmentation, ulong seed, Span<float> pixels)
    {
        int channels = levels.Length / (_dataset.Slices * _plane);
        if (augmentation.IsNone) WriteAsIs(levels, channels, pixels);
        else WriteVaried(levels, channels, Variation.Draw(augmentation, _recipe.Size, SplitMix64.Seed(seed, (ulong)sample)), pixels);
    }

    private void WriteAsIs(ReadOnlySpan<ushort> levels, int channels, Span<float> pixels)
    {
        for (int slice = 0; slice < _dataset.Slices; slice++)
        {
            for (int c = 0; c < Channels; c++)
            {
                ReadOnlySpan<ushort> from = levels.Slice(((slice * channels) + (channels == 1 ? 0 : c)) * _plane, _plane);
                PreparedLevels.Restore(from, 1 / _recipe.Std[c], -_recipe.Mean[c] / _recipe.Std[c], pixels.Slice(((slice * Channels) + c) * _plane, _plane));
            }
        }
    }

    private void WriteVaried(ReadOnlySpan<ushort> levels, int channels, Variation variation, Span<float> pixels)
    {
        int length = channels * _plane;
        float[] scratch = ArrayPool<float>.Shared.Rent(length), varied = ArrayPool<float>.Shared.Rent(length);
        for (int slice = 0; slice < _dataset.Slices; slice++)
        {
            variation.Apply(levels.Slice(slice * length, length), channels, scratch.AsSpan(0, length), varied.AsSpan(0, length));
            for (int c = 0; c < Channels; c++)
            {
                ReadOnlySpan<float> from = varied.AsSpan(channels == 1 ? 0 : c * _plane, _plane);
                PreparedLevels.Scale(from, 1 / _recipe.Std[c], -_recipe.Mean[c] / _recipe.Std[c], pixels.Slice(((slice * Channels) + c) * _plane, _plane));
            }
        }
        ArrayPool<float>.Shared.Return(scratch);
        ArrayPool<float>.Shared.Return(varied);
    }
}
