using System.Globalization;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// Finds the hidden channels that would spoil the 8-bit range of the second MLP linear's input. They belong to the model and hardly to
/// the picture: drawn pictures show the same channels, at the same height, as photographs do (docs/decisions/0008).
/// </summary>
internal static class OutlierSearch
{
    /// <summary>How far beyond the ordinary channels one must reach, by their range: four times costs the others two of eight bits.</summary>
    private const float Beyond = 4;

    /// <summary>At most one channel in so many is called an outlier: with more, the products in binary32 begin to cost.</summary>
    private const int OneIn = 96;

    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights.</param>
    /// <param name="folder">The folder that they lie in; a model is written there for the time of the search.</param>
    /// <param name="pictures">[3, size, size] each, normalised.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>By layer; layers without outliers are absent.</returns>
    public static IReadOnlyDictionary<int, OutlierChannels> Find(
        VitArchitecture vit, SafetensorsFile weights, string folder, IEnumerable<float[]> pictures, CancellationToken cancellation)
    {
        float[][] largest = [.. Enumerable.Range(0, vit.Depth).Select(_ => new float[vit.MlpDim])];
        string model = Path.Combine(folder, ".observed.onnx");
        try
        {
            OnnxWriter.Write(VitGraph.BuildObserved(vit, weights), model);
            Observe(vit, model, pictures, largest, cancellation);
        }
        finally
        {
            File.Delete(model);
        }
        Dictionary<int, OutlierChannels> found = [];
        for (int layer = 0; layer < vit.Depth; layer++)
            if (Outliers(largest[layer]) is { } outliers) found.Add(layer, outliers);
        return found;
    }

    /// <summary>The outliers among channels of known maxima, or null.</summary>
    internal static OutlierChannels? Outliers(ReadOnlySpan<float> largest)
    {
        float[] ordered = largest.ToArray();
        Array.Sort(ordered);
        int most = Math.Max(1, ordered.Length / OneIn);
        float ordinary = ordered[^(most + 1)];
        List<int> channels = [];
        float limit = 0;
        for (int i = 0; i < largest.Length; i++)
        {
            if (largest[i] > Beyond * ordinary) channels.Add(i);
            else limit = Math.Max(limit, largest[i]);
        }
        return channels.Count > 0 && limit > 0 ? new OutlierChannels(channels, limit) : null;
    }

    private static void Observe(VitArchitecture vit, string model, IEnumerable<float[]> pictures, float[][] largest, CancellationToken cancellation)
    {
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(Environment.ProcessorCount);
        using OrtSession session = OrtSession.Create(model, options);
        using OrtValue headWeight = OrtValue.FromArray(new float[vit.Dim], [vit.Dim, 1]);
        using OrtValue headBias = OrtValue.FromArray(new float[1], [1]);
        string[] outputs = [.. Enumerable.Range(0, vit.Depth).Select(i => string.Create(CultureInfo.InvariantCulture, $"layers.{i}.{VitGraph.HiddenMaximum}"))];
        foreach (float[] picture in pictures)
        {
            cancellation.ThrowIfCancellationRequested();
            using OrtValue pixels = OrtValue.FromArray(picture, [1, CanonicalWeights.Channels, vit.ImageSize, vit.ImageSize]);
            OrtValue[] maxima = session.Run([VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias], [pixels, headWeight, headBias], outputs);
            for (int layer = 0; layer < maxima.Length; layer++)
            {
                using OrtValue maximum = maxima[layer];
                ReadOnlySpan<float> values = maximum.AsSpan<float>();
                for (int i = 0; i < values.Length; i++) largest[layer][i] = Math.Max(largest[layer][i], values[i]);
            }
        }
    }
}
