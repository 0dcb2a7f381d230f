using System.Numerics.Tensors;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The self-test that a device runs before it activates a bundle: inputs, and the logits that the fp32 reference gave for them. Of a task that takes volumes they are slices, and each slice's own logits.
/// </summary>
/// <param name="PixelValues">The prepared inputs, row-major.</param>
/// <param name="PixelShape">[n, 3, height, width], n from 1 to <see cref="MaxInputs"/>.</param>
/// <param name="Logits">[n, classes], row-major.</param>
/// <param name="Classes">The number of classes.</param>
public sealed record Probe(float[] PixelValues, long[] PixelShape, float[] Logits, int Classes)
{
    /// <summary>A self-test runs on a device with work to do; a handful of inputs shows what a hundred would.</summary>
    public const int MaxInputs = 16;

    private const string PixelsName = "pixel_values";
    private const string LogitsName = "logits";
    private const int Channels = 3;

    /// <summary>The number of inputs, n.</summary>
    public int Inputs => (int)PixelShape[0];

    /// <summary>Reads the self-test of a bundle.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="description">What says the inputs' size.</param>
    /// <param name="classes">The logits of the adapter's head.</param>
    /// <param name="source">What to call the bundle in error messages.</param>
    /// <exception cref="BundleException">It is another's, or broken.</exception>
    internal static Probe Read(ReadOnlyMemory<byte> bytes, AdapterDescription description, int classes, string source)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Parse(bytes, BundleEntry.ProbeName);
            if (file.Tensors.Keys.FirstOrDefault(n => n is not (PixelsName or LogitsName)) is { } extra)
                throw Refuse($"found a tensor '{PrintableText.Of(extra)}', expected {PixelsName} and {LogitsName}");
            TensorView pixels = file[PixelsName];
            TensorView logits = file[LogitsName];
            long inputs = pixels.Shape.Count == 4 ? pixels.Shape[0] : 0;
            int size = description.Input.Preprocess.Size;
            if (inputs is < 1 or > MaxInputs || pixels.Shape[1] != Channels || pixels.Shape[2] != size || pixels.Shape[3] != size)
                throw Refuse($"found {PixelsName} {pixels.ShapeText}, expected [1 to {MaxInputs},{Channels},{size},{size}] as {BundleEntry.DescriptionName} says");
            if (logits.Shape.Count != 2 || logits.Shape[0] != inputs || logits.Shape[1] != classes)
                throw Refuse($"found {LogitsName} {logits.ShapeText}, expected [{inputs},{classes}] for the adapter's head");
            return new Probe(Values(pixels), [.. pixels.Shape], Values(logits), classes);
        }
        catch (SafetensorsException e)
        {
            throw BundleException.Of(BundleRefusal.InvalidProbe, source, e.Message, e);
        }

        BundleException Refuse(string fault) => BundleException.Of(BundleRefusal.InvalidProbe, source, $"{BundleEntry.ProbeName}: {fault}");

        float[] Values(TensorView tensor)
        {
            if (tensor.Type != ElementType.F32) throw Refuse($"'{tensor.Name}' is {tensor.Type}, expected F32");
            float[] values = tensor.ToSingles();
            return TensorPrimitives.IsFiniteAll<float>(values) ? values : throw Refuse($"'{tensor.Name}' holds a value that is not finite");
        }
    }

    internal byte[] ToBytes() => SafetensorsWriter.ToBytes(
    [
        TensorSource.FromSingles(PixelsName, PixelShape, PixelValues),
        TensorSource.FromSingles(LogitsName, [PixelShape[0], Classes], Logits),
    ]);
}
