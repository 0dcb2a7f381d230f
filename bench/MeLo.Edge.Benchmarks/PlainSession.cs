using System.Numerics.Tensors;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>A model in plain ONNX Runtime, without this project: a session and what it is run with beside the pixels.</summary>
internal sealed class PlainSession : IDisposable
{
    private readonly OrtSession _session;
    private readonly BenchmarkDevice? _device;
    private readonly List<string> _names = [VitGraph.PixelValues];
    private readonly List<OrtValue> _values = [];

    /// <param name="session">A session whose only input is the pixels; it belongs to this from now on.</param>
    public PlainSession(OrtSession session) => _session = session;

    /// <param name="session">A session whose other inputs are those of <see cref="UnmergedGraph"/>; it belongs to this from now on.</param>
    /// <param name="adapter">The task, whose values are brought to the device once.</param>
    /// <param name="device">Where the session runs.</param>
    public PlainSession(OrtSession session, LoraAdapter adapter, BenchmarkDevice device)
    {
        _session = session;
        _device = device;
        Bind(adapter);
    }

    /// <param name="path">A model file.</param>
    /// <param name="head">The task's head.</param>
    /// <param name="threads">Threads of the graph.</param>
    public PlainSession(string path, TaskHead head, int threads)
    {
        _session = BenchmarkModel.LoadModel(path, threads);
        Bind(head);
    }

    /// <param name="path">A model file.</param>
    /// <param name="adapter">The task; its head is bound, and its pairs where the graph has inputs for them.</param>
    /// <param name="threads">Threads of the graph.</param>
    public PlainSession(string path, LoraAdapter adapter, int threads)
        : this(path, adapter.Head, threads) => Bind(adapter);

    public float[] Run(float[] pixels, ReadOnlySpan<long> shape)
    {
        using OrtValue image = OrtValue.FromArray(pixels, shape);
        return Run(image);
    }

    /// <param name="pixels">[n, 3, size, size], on the host or on the session's device.</param>
    public float[] Run(OrtValue pixels)
    {
        OrtValue[] values = [pixels, .. _values];
        using OrtValue logits = _session.Run([.. _names], values, [VitGraph.Logits])[0];
        return logits.AsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        _session.Dispose();
        foreach (OrtValue value in _values) value.Dispose();
    }

    private void Bind(TaskHead head)
    {
        Bind(VitGraph.HeadWeight, head.Transposed, head.Dim, head.Classes);
        Bind(VitGraph.HeadBias, head.Bias, head.Classes);
    }

    private void Bind(LoraAdapter adapter)
    {
        HashSet<string> inputs = [.. _session.Inputs.Select(i => i.Name)];
        foreach (LoraPair pair in adapter.Pairs)
        {
            if (!inputs.Contains(UnmergedGraph.A(pair.Target))) continue;
            Bind(UnmergedGraph.A(pair.Target), Transposition.Of(pair.A, pair.Rank), pair.InFeatures, pair.Rank);
            Bind(UnmergedGraph.B(pair.Target), Scaled(Transposition.Of(pair.B, pair.OutFeatures), adapter.Scale), pair.Rank, pair.OutFeatures);
        }
    }

    private void Bind(string name, float[] values, params ReadOnlySpan<long> shape)
    {
        _names.Add(name);
        _values.Add(_device is null ? OrtValue.FromArray(values, shape) : _device.Upload(values, shape, _session.Inputs.Single(i => i.Name == name).Info.Type));
    }

    private static float[] Scaled(float[] matrix, float scale)
    {
        TensorPrimitives.Multiply(matrix, scale, matrix);
        return matrix;
    }
}
