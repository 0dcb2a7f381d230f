using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Models;

/// <summary>Runs a base package's graph in ONNX Runtime, as plainly as can be.</summary>
internal sealed class BaseRun : IDisposable
{
    private readonly BasePackage _package;
    private readonly OrtSession _session;
    private readonly bool _half;

    public BaseRun(BasePackage package, Precision precision = Precision.Fp32)
    {
        _package = package;
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(2);
        _session = OrtSession.Create(package.GraphPath(precision), options);
        _half = precision == Precision.Fp16;
    }

    /// <summary>A twin of the fp16 graph, which ends with this; its matrices are binary32 that hold binary16's numbers.</summary>
    public BaseRun(BasePackage package, OrtSession halfTwin) => (_package, _session, _half) = (package, halfTwin, true);

    public OrtSession Session => _session;

    public void Dispose() => _session.Dispose();

    /// <summary>The pooled features, [batch, dim]: what a head that is the identity gives.</summary>
    public float[] Features(float[] pixels)
    {
        int dim = _package.Architecture.Dim;
        float[] identity = new float[dim * dim];
        for (int i = 0; i < dim; i++) identity[(i * dim) + i] = 1;
        return Logits(pixels, identity, new float[dim]);
    }

    public float[] Logits(float[] pixels, LoraAdapter adapter) =>
        Logits(pixels, Transposed(adapter.Head.Weight, adapter.Head.Classes), adapter.Head.Bias, id => Merged(adapter, id));

    /// <param name="pixels">[batch, 3, size, size]</param>
    /// <param name="headWeight">[dim, classes]</param>
    /// <param name="headBias">[classes]</param>
    /// <param name="weight">The weight of an adaptable linear, [in,out]; the base's own when null.</param>
    public float[] Logits(float[] pixels, float[] headWeight, float[] headBias, Func<LinearId, float[]>? weight = null)
    {
        VitArchitecture vit = _package.Architecture;
        long batch = pixels.Length / (3L * vit.ImageSize * vit.ImageSize);
        List<string> names = ["pixel_values", "head.weight", "head.bias"];
        List<OrtValue> values =
        [
            OrtValue.FromArray(pixels, [batch, 3, vit.ImageSize, vit.ImageSize]),
            OrtValue.FromArray(headWeight, [vit.Dim, headBias.Length]),
            OrtValue.FromArray(headBias, [headBias.Length]),
        ];
        List<NativeBytes> halves = [];
        weight ??= id => _package.Weights[$"{id}.weight"].ToSingles();
        foreach (LinearId id in _package.AdaptableLinears)
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            names.Add($"{id}.weight");
            Half[] rounded = _half ? Array.ConvertAll(weight(id), v => (Half)v) : [];
            if (!_half) values.Add(OrtValue.FromArray(weight(id), [input, output]));
            else if (_session.Inputs.Single(i => i.Name == names[^1]).Info.Type == ElementType.F32) values.Add(OrtValue.FromArray(Array.ConvertAll(rounded, v => (float)v), [input, output]));
            else
            {
                halves.Add(new NativeBytes(MemoryMarshal.AsBytes<Half>(rounded)));
                values.Add(Over(halves[^1], input, output));
            }
        }
        OrtValue[] outputs = _session.Run([.. names], [.. values], ["logits"]);
        try
        {
            return outputs[0].AsSpan<float>().ToArray();
        }
        finally
        {
            foreach (OrtValue value in values.Concat(outputs)) value.Dispose();
            foreach (NativeBytes matrix in halves) matrix.Dispose();
        }
    }

    private static unsafe OrtValue Over(NativeBytes halves, int input, int output) => OrtValue.Over(halves.Pointer, halves.Length, ElementType.F16, [input, output]);

    /// <summary>W + s (B A)^T by three loops in double precision.</summary>
    private float[] Merged(LoraAdapter adapter, LinearId id)
    {
        float[] merged = _package.Weights[$"{id}.weight"].ToSingles();
        if (adapter.Pairs.SingleOrDefault(p => p.Target == id) is not { } pair) return merged;
        for (int i = 0; i < pair.InFeatures; i++)
            for (int o = 0; o < pair.OutFeatures; o++)
            {
                double sum = 0;
                for (int r = 0; r < pair.Rank; r++) sum += (double)pair.B[(o * pair.Rank) + r] * pair.A[(r * pair.InFeatures) + i];
                merged[(i * pair.OutFeatures) + o] += (float)(adapter.Scale * sum);
            }
        return merged;
    }

    public static float[] Transposed(ReadOnlySpan<float> matrix, int rows)
    {
        int columns = matrix.Length / rows;
        float[] transposed = new float[matrix.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) transposed[(c * rows) + r] = matrix[(r * columns) + c];
        return transposed;
    }
}
