using System.Globalization;
using System.Numerics.Tensors;
using MeLo.Edge.Adapters;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// What the inputs of the linears have in common over calibration pictures: sums of x·xᵀ over their tokens, in blocks along the diagonal.
/// </summary>
internal sealed class InputGrams
{
    /// <summary>The features of a block: the larger, the better a rounding error can be made up for, and the longer its matrix takes to invert.</summary>
    public const int BlockFeatures = 512;

    private readonly Dictionary<LinearId, double[][]> _grams = [];

    private InputGrams()
    {
    }

    /// <summary>The blocks of one linear's input, [features, features] each, in order; the last may have fewer features.</summary>
    public IReadOnlyList<double[]> this[LinearId linear] => _grams[linear];

    /// <summary>Runs the fp32 graph over the pictures.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights.</param>
    /// <param name="folder">The folder that they lie in; a model is written there for the time of the search.</param>
    /// <param name="linears">The linears whose inputs are looked at.</param>
    /// <param name="pictures">[3, size, size] each, normalised.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="ModelException">What a linear reads overflows: nothing can be rounded by that.</exception>
    public static InputGrams Observe(
        VitArchitecture vit, SafetensorsFile weights, string folder, IReadOnlyCollection<LinearId> linears, IEnumerable<float[]> pictures, CancellationToken cancellation)
    {
        InputGrams grams = new();
        string model = Path.Combine(folder, ".observed.onnx");
        try
        {
            OnnxWriter.Write(VitGraph.BuildObserved(vit, weights, linears), model);
            grams.Run(vit, model, linears, pictures, cancellation);
        }
        finally
        {
            File.Delete(model);
        }
        return grams;
    }

    private void Run(VitArchitecture vit, string model, IReadOnlyCollection<LinearId> linears, IEnumerable<float[]> pictures, CancellationToken cancellation)
    {
        using OrtSessionOptions options = SessionThreads.Of(0).Options();
        using OrtSession session = OrtSession.Create(model, options);
        using OrtValue headWeight = OrtValue.FromArray(new float[vit.Dim], [vit.Dim, 1]);
        using OrtValue headBias = OrtValue.FromArray(new float[1], [1]);
        string[] outputs = [.. linears.SelectMany(id => Enumerable.Range(0, Blocks(vit, id)).Select(block => string.Create(CultureInfo.InvariantCulture, $"layers.{id.Layer}.{Name(id.Linear, block)}")))];
        foreach (LinearId id in linears) _grams[id] = new double[Blocks(vit, id)][];
        foreach (float[] picture in pictures)
        {
            cancellation.ThrowIfCancellationRequested();
            using OrtValue pixels = OrtValue.FromArray(picture, [1, CanonicalWeights.Channels, vit.ImageSize, vit.ImageSize]);
            OrtValue[] found = session.Run([VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias], [pixels, headWeight, headBias], outputs);
            int next = 0;
            foreach (LinearId id in linears)
            {
                for (int block = 0; block < _grams[id].Length; block++)
                {
                    using OrtValue gram = found[next++];
                    ReadOnlySpan<float> values = gram.AsSpan<float>();
                    if (!TensorPrimitives.IsFiniteAll(values))
                        throw ModelException.Option("calibrate", $"found inputs of {CanonicalWeights.LinearWeight(id)} whose products are not finite, expected a model that runs on these pictures");
                    double[] sum = _grams[id][block] ??= new double[values.Length];
                    for (int i = 0; i < values.Length; i++) sum[i] += values[i];
                }
            }
        }
    }

    /// <summary>The graph's output for one block of a linear's input, within its block's scope.</summary>
    public static string Name(VitLinear linear, int block) => string.Create(CultureInfo.InvariantCulture, $"{linear.Name()}.input_gram.{block}");

    /// <summary>The blocks of a linear's input.</summary>
    public static int Blocks(VitArchitecture vit, LinearId linear) => (vit.LinearShape(linear.Linear).In + BlockFeatures - 1) / BlockFeatures;
}
