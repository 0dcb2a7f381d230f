using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>Merges on the processor's cores, in the host's memory.</summary>
internal sealed unsafe class HostTaskMerger : TaskMerger
{
    private readonly MergedFormat _format;
    private readonly HostTaskMerger? _beside;
    private readonly HostBuffer _pristine;
    private readonly HostBuffer? _converted;
    private readonly Dictionary<LinearId, Matrix> _matrices = [];
    private readonly Dictionary<LinearId, OrtValue> _unadapted = [];

    public HostTaskMerger(BasePackage package, Precision precision, SessionThreads threads, HostTaskMerger? beside)
    {
        _format = MergedFormat.Of(precision);
        long length = 0;
        foreach (LinearId id in package.AdaptableLinears)
        {
            (int input, int output) = package.Architecture.LinearShape(id.Linear);
            _matrices.Add(id, new Matrix(input, output, length));
            length += MergedFormat.Of(Precision.Fp32).ByteLength(input, output);
        }
        _beside = beside;
        _pristine = beside?._pristine ?? new HostBuffer(length);
        // The weights come from a file that others may push out of the page cache; a switch must not wait for a disk.
        foreach ((LinearId id, Matrix matrix) in beside is null ? _matrices : [])
            package.Weights[CanonicalWeights.LinearWeight(id)].CopyTo(new Span<float>(Pristine(id), checked(matrix.In * matrix.Out)));
        _converted = precision == Precision.Fp32 ? null : new HostBuffer(_matrices.Values.Sum(m => _format.ByteLength(m.In, m.Out)));
        DescribeUnadapted(threads.Count);
    }

    public override IReadOnlyDictionary<LinearId, OrtValue> Unadapted => _unadapted;

    // A fresh block costs more in page faults than the merge itself.
    public override bool WantsSpareBuffer => true;

    public override long MergedBytes(LoraAdapter adapter) => _format.ByteLength(adapter);

    public override TaskBuffer CreateBuffer(long byteLength) => new HostTaskBuffer(byteLength);

    public override MergedTask Merge(LoraAdapter adapter, TaskBuffer buffer, int threads)
    {
        long start = Stopwatch.GetTimestamp();
        HostTaskBuffer memory = (HostTaskBuffer)buffer;
        MergeTarget[] targets = new MergeTarget[adapter.Pairs.Count];
        long offset = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            LoraPair pair = adapter.Pairs[i];
            Matrix matrix = _matrices[pair.Target];
            targets[i] = new MergeTarget(pair.Target, matrix.In, matrix.Out, Pristine(pair.Target), memory.Pointer + offset, pair, adapter.Scale);
            offset += _format.ByteLength(matrix.In, matrix.Out);
        }
        _format.Merge(targets, threads);
        double merge = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        start = Stopwatch.GetTimestamp();
        OrtValue[] matrices = memory.Describe(_format, targets);
        TaskHead head = adapter.Head;
        OrtValue weight = OrtValue.FromArray(head.Transposed, [head.Dim, head.Classes]), bias = OrtValue.FromArray(head.Bias, [head.Classes]);
        return new MergedTask(matrices, weight, bias, merge, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
    }

    public override void Dispose()
    {
        foreach (OrtValue value in _unadapted.Values) value.Dispose();
        _converted?.Dispose();
        if (_beside is null) _pristine.Dispose();
    }

    // The pristine weights themselves, or what the graph's precision makes of them.
    private void DescribeUnadapted(int threads)
    {
        MergeTarget[] targets = new MergeTarget[_matrices.Count];
        long offset = 0;
        int count = 0;
        foreach ((LinearId id, Matrix matrix) in _matrices)
        {
            byte* at = _converted is null ? (byte*)Pristine(id) : _converted.Pointer + offset;
            targets[count++] = new MergeTarget(id, matrix.In, matrix.Out, Pristine(id), at);
            offset += _format.ByteLength(matrix.In, matrix.Out);
        }
        if (_converted is not null) _format.Merge(targets, threads);
        foreach (MergeTarget target in targets) _unadapted.Add(target.Id, _format.Bind(target));
    }

    private float* Pristine(LinearId id) => (float*)(_pristine.Pointer + _matrices[id].Offset);

    /// <summary>One adaptable matrix: its shape, and its place in the pristine buffer in bytes.</summary>
    private readonly record struct Matrix(int In, int Out, long Offset);
}
