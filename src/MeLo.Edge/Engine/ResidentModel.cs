using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The base in memory: one session, created once, and the pristine matrices that adapters may change. It merges an adapter into
/// fresh memory and runs the graph with the result; it keeps no task of its own.
/// </summary>
internal sealed unsafe class ResidentModel : IDisposable
{
    // Every matrix starts on a cache line, which non-temporal stores need.
    private const int Alignment = 64;

    private readonly OrtSession _session;
    private readonly HostBuffer _pristine;
    private readonly Dictionary<LinearId, Matrix> _matrices = [];
    private readonly Dictionary<string, int> _inputIndex = [];
    public ResidentModel(BasePackage package, Precision precision, int threads)
    {
        Threads = threads == 0 ? Environment.ProcessorCount : threads;
        if (!package.Precisions.Contains(precision))
            throw EngineException.Base($"found the precisions {string.Join(", ", package.Precisions)}, expected {precision} among them");
        long length = 0;
        foreach (LinearId id in package.AdaptableLinears)
        {
            TensorView weight = package.Weights[$"{id}.weight"];
            _matrices.Add(id, new Matrix(id, weight.Shape[0], weight.Shape[1], length));
            length += Padded(weight.ByteLength);
        }
        _pristine = new HostBuffer(length);
        // The weights come from a file that others may push out of the page cache; a switch must not wait for a disk.
        foreach (Matrix matrix in _matrices.Values)
        {
            float* start = (float*)(_pristine.Pointer + matrix.Offset);
            package.Weights[matrix.InputName].CopyTo(new Span<float>(start, checked((int)matrix.Count)));
            matrix.Pristine = OrtValue.Over(start, matrix.Count * sizeof(float), ElementType.F32, [matrix.In, matrix.Out]);
        }
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(Threads);
        _session = OrtSession.Create(package.GraphPath(precision), options);
        for (int i = 0; i < _session.Inputs.Count; i++) _inputIndex.Add(_session.Inputs[i].Name, i);
        if (Mismatch() is not { } mismatch) return;
        Dispose();
        throw EngineException.Base(mismatch);
    }

    /// <summary>The threads that a merge on the critical path uses.</summary>
    public int Threads { get; }

    /// <summary>Whether the base exposes a linear to adapters.</summary>
    public bool Exposes(LinearId linear) => _matrices.ContainsKey(linear);

    /// <summary>The memory that an adapter's merged matrices take, in bytes.</summary>
    public static long MergedBytes(LoraAdapter adapter) => adapter.Pairs.Sum(p => Padded(p.InFeatures * (long)p.OutFeatures * sizeof(float)));

    /// <summary>Merges an adapter from the pristine matrices into <paramref name="buffer"/>, and describes the result to the runtime.</summary>
    /// <param name="adapter">An adapter whose linears the base exposes, with matching shapes.</param>
    /// <param name="buffer">At least <see cref="MergedBytes"/> long; it belongs to the result from now on, and goes back where there is none.</param>
    /// <param name="pool">Where the buffer goes in the end.</param>
    /// <param name="threads">How many threads share the merge.</param>
    /// <param name="cost">How long the two parts took.</param>
    public TaskWeights Merge(LoraAdapter adapter, HostBuffer buffer, WeightBuffers pool, int threads, out MergeCost cost)
    {
        try
        {
            return MergeInto(buffer, adapter, pool, threads, out cost);
        }
        catch
        {
            pool.Return(buffer);
            throw;
        }
    }

    /// <summary>Runs the graph. May be called from several threads.</summary>
    /// <param name="weights">Task weights on which the caller holds a lease.</param>
    /// <param name="pixels">[count, 3, size, size].</param>
    /// <param name="shape">The four dimensions of <paramref name="pixels"/>.</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>[count, classes] logits.</returns>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="OrtException">The run failed.</exception>
    public float[] Run(TaskWeights weights, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation)
    {
        using OrtValue image = OrtValue.FromArray(pixels, shape);
        OrtValue[] inputs = new OrtValue[weights.Inputs.Length];
        for (int i = 0; i < inputs.Length; i++) inputs[i] = weights.Inputs[i] ?? image;
        using OrtRunOptions? options = cancellation.CanBeCanceled ? new OrtRunOptions() : null;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static o => ((OrtRunOptions)o!).Terminate(), options);
        try
        {
            using OrtValue logits = _session.Run(inputs, options)[0];
            return logits.AsSpan<float>().ToArray();
        }
        catch (OrtException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        foreach (Matrix matrix in _matrices.Values) matrix.Pristine?.Dispose();
        _pristine.Dispose();
    }

    private TaskWeights MergeInto(HostBuffer buffer, LoraAdapter adapter, WeightBuffers pool, int threads, out MergeCost cost)
    {
        long start = Stopwatch.GetTimestamp();
        LoraMergeItem[] items = new LoraMergeItem[adapter.Pairs.Count];
        long offset = 0;
        for (int i = 0; i < items.Length; i++)
        {
            LoraPair pair = adapter.Pairs[i];
            float* pristine = (float*)(_pristine.Pointer + _matrices[pair.Target].Offset);
            items[i] = new LoraMergeItem(pristine, (float*)(buffer.Pointer + offset), pair, adapter.Scale);
            offset += Padded(_matrices[pair.Target].Count * sizeof(float));
        }
        LoraMerge.Run(items, threads);
        double merge = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        start = Stopwatch.GetTimestamp();
        TaskWeights weights = Bind(adapter.Head, items, buffer, pool);
        cost = new MergeCost(merge, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        return weights;
    }

    private TaskWeights Bind(TaskHead head, LoraMergeItem[] items, HostBuffer buffer, WeightBuffers pool)
    {
        OrtValue?[] inputs = new OrtValue?[_session.Inputs.Count];
        foreach (Matrix matrix in _matrices.Values) inputs[_inputIndex[matrix.InputName]] = matrix.Pristine;
        List<OrtValue> owned = [];
        foreach (LoraMergeItem item in items)
        {
            Matrix matrix = _matrices[item.Pair.Target];
            Own(matrix.InputName, OrtValue.Over(item.Destination, matrix.Count * sizeof(float), ElementType.F32, [matrix.In, matrix.Out]));
        }
        Own(VitGraph.HeadWeight, OrtValue.FromArray(Transposed(head), [head.Dim, head.Classes]));
        Own(VitGraph.HeadBias, OrtValue.FromArray(head.Bias, [head.Classes]));
        return new TaskWeights(inputs, [.. owned], buffer, pool);

        void Own(string name, OrtValue value)
        {
            inputs[_inputIndex[name]] = value;
            owned.Add(value);
        }
    }

    // base.json says what adapters may change, the graph what can be bound; each is well-formed without the other.
    private string? Mismatch()
    {
        string[] expected = [VitGraph.PixelValues, .. _matrices.Values.Select(m => m.InputName), VitGraph.HeadWeight, VitGraph.HeadBias];
        if (expected.FirstOrDefault(name => !_inputIndex.ContainsKey(name)) is { } missing)
            return $"found a graph without the input '{missing}', expected one for every linear that base.json calls adaptable";
        return _inputIndex.Keys.FirstOrDefault(name => !expected.Contains(name)) is { } extra
            ? $"found a graph with the input '{extra}', expected one only for the linears that base.json calls adaptable"
            : null;
    }

    // [classes, dim] -> [dim, classes], as the graph multiplies from the left.
    internal static float[] Transposed(TaskHead head)
    {
        float[] result = new float[head.Weight.Length];
        for (int c = 0; c < head.Classes; c++)
            for (int d = 0; d < head.Dim; d++) result[(d * head.Classes) + c] = head.Weight[(c * head.Dim) + d];
        return result;
    }

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>The parts of a merge, in microseconds.</summary>
    public readonly record struct MergeCost(double MergeMicroseconds, double BindMicroseconds);

    /// <summary>One adaptable matrix: its place in the pristine buffer and its value there.</summary>
    private sealed record Matrix(LinearId Id, long In, long Out, long Offset)
    {
        public string InputName { get; } = $"{Id}.weight";

        public long Count => In * Out;

        public OrtValue? Pristine { get; set; }
    }
}
