using MeLo.Edge.Models;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Steps;

/// <summary>Prepared pictures, [samples * slices, 3, size, size], varied while training.</summary>
/// <param name="reader">The pictures.</param>
/// <param name="slices">Pictures of one sample.</param>
/// <param name="size">Height and width in pixels.</param>
/// <param name="augmentation">How they are varied.</param>
/// <param name="seed">Where the variations begin.</param>
internal sealed class PictureInputs(SampleReader reader, int slices, int size, Augmentation augmentation, ulong seed) : ISampleInputs
{
    public int Length => reader.Length;

    public GraphInput Fill(IReadOnlyList<int> samples, int? epoch, float[] buffer)
    {
        // What a sample becomes depends on its place, the epoch and the seed alone, whichever thread makes it.
        Parallel.For(0, samples.Count, i =>
        {
            Span<float> pixels = buffer.AsSpan(i * Length, Length);
            if (epoch is { } pass) reader.Read(samples[i], augmentation, Seeds.Of(seed, (ulong)pass, (ulong)samples[i]), pixels);
            else reader.Read(samples[i], pixels);
        });
        return new GraphInput(VitGraph.PixelValues, buffer, [samples.Count * (long)slices, CanonicalWeights.Channels, size, size]);
    }
}
