using MeLo.Edge.Models;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Steps;

/// <summary>Prepared pictures, [samples * slices, 3, size, size], varied while training.</summary>
/// <param name="reader">The pictures.</param>
/// <param name="slices">Pictures of one sample.</param>
/// <param name="size">Height and width in pixels.</param>
/// <param name="augmentation">How they are varied.</param>
/// <param name="seed">Where the variations begin.</param>
/// <param name="threads">The most threads that prepare.</param>
internal sealed class PictureInputs(SampleReader reader, int slices, int size, Augmentation augmentation, ulong seed, int threads) : ISampleInputs
{
    public int Length => reader.Length;

    public GraphInput[] Fill(IReadOnlyList<int[]> runs, int? epoch, IReadOnlyList<float[]> buffers)
    {
        // All of them together: a run may be a single volume, and the threads would wait for one.
        (int, Memory<float>)[] places = [.. runs.Zip(buffers).SelectMany(run => run.First.Select((sample, i) => (sample, run.Second.AsMemory(i * Length, Length))))];
        reader.Read(places, epoch is null ? Augmentation.None : augmentation, SplitMix64.Seed(seed, (ulong)(epoch ?? 0)), threads);
        return [.. runs.Zip(buffers, (samples, buffer) => new GraphInput(VitGraph.PixelValues, buffer, [samples.Length * (long)slices, CanonicalWeights.Channels, size, size]))];
    }
}
