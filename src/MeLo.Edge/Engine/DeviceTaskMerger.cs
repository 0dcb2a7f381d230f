using System.Diagnostics;
using System.Numerics.Tensors;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// Merges on a device, from pristine matrices that lie there: A, B and the head go over (0.6 MB for rank 4 on ViT-B), the merged matrices stay. Tasks
/// that change the same linears share one graph.
/// </summary>
internal sealed class DeviceTaskMerger : TaskMerger
{
    private readonly VitArchitecture _vit;
    private readonly Provider _provider;
    private readonly ElementType _type;
    private readonly OrtMemoryInfo _memory;
    private readonly DeviceTaskMerger? _beside;
    private readonly Dictionary<LinearId, OrtValue> _pristine = [];
    private readonly Dictionary<LinearId, OrtValue> _converted = [];
    private readonly Dictionary<string, OrtSession> _sessions = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private long _bytesIn;

    public DeviceTaskMerger(BasePackage package, Precision precision, Provider provider, DeviceTaskMerger? beside)
    {
        _vit = package.Architecture;
        _provider = provider;
        _type = MergedFormat.Of(precision).Input(1, 1).Type;
        _memory = OrtMemoryInfo.ForDevice(provider.Memory!, provider.DeviceId);
        _beside = beside;
        if (beside is not null) _pristine = beside._pristine;
        try
        {
            if (beside is null || _type != ElementType.F32) Upload(package);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The bytes of host memory that merges sent to the device so far.</summary>
    public long HostBytesIn => Volatile.Read(ref _bytesIn);

    public override IReadOnlyDictionary<LinearId, OrtValue> Unadapted => _type == ElementType.F32 ? _pristine : _converted;

    // The runtime keeps what was freed for the next merge; a buffer of ours has no memory before its first.
    public override bool WantsSpareBuffer => false;

    public override long MergedBytes(LoraAdapter adapter) => adapter.Pairs.Sum(p => _provider.AllocatedBytes((long)p.InFeatures * p.OutFeatures * _type.Size()));

    public override TaskBuffer CreateBuffer(long byteLength) => new DeviceTaskBuffer(byteLength);

    public override MergedTask Merge(LoraAdapter adapter, TaskBuffer buffer, int threads)
    {
        long start = Stopwatch.GetTimestamp();
        DeviceTaskBuffer memory = (DeviceTaskBuffer)buffer;
        OrtSession session = SessionFor(adapter);
        if (!memory.Fits(session)) memory.Forget();
        using OrtIoBinding binding = new(session);
        List<OrtValue> uploads = [];
        OrtValue[] outputs;
        double bind;
        try
        {
            for (int i = 0; i < adapter.Pairs.Count; i++)
            {
                LoraPair pair = adapter.Pairs[i];
                (string pristine, string a, string b, string merged) = MergeGraph.Names(pair.Target);
                binding.BindInput(pristine, _pristine[pair.Target]);
                Send(a, pair.A, [pair.Rank, pair.InFeatures]);
                Send(b, Scaled(pair.B, adapter.Scale), [pair.OutFeatures, pair.Rank]);
                if (memory.Values.Length > 0) binding.BindOutput(merged, memory.Values[i]);
                else binding.BindOutput(merged, _memory);
            }
            (string headWeight, string headBias) = MergeGraph.HeadInputs;
            Send(headWeight, adapter.Head.Transposed, [adapter.Head.Dim, adapter.Head.Classes]);
            Send(headBias, adapter.Head.Bias, [adapter.Head.Classes]);
            binding.BindOutput(MergeGraph.HeadWeight, _memory);
            binding.BindOutput(MergeGraph.HeadBias, _memory);
            bind = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            start = Stopwatch.GetTimestamp();
            session.Run(binding);
            outputs = binding.TakeOutputs();
        }
        finally
        {
            foreach (OrtValue upload in uploads) upload.Dispose();
        }
        memory.Take(session, outputs[..^2]);
        return new MergedTask(memory.Values, outputs[^2], outputs[^1], Stopwatch.GetElapsedTime(start).TotalMicroseconds, bind);

        void Send(string name, float[] values, ReadOnlySpan<long> shape)
        {
            OrtValue value = OrtValue.FromArray(values, shape);
            uploads.Add(value);
            binding.BindInput(name, value);
            Interlocked.Add(ref _bytesIn, value.HostBytes);
        }
    }

    public override void Dispose()
    {
        foreach (OrtValue value in _converted.Values) value.Dispose();
        if (_beside is null)
            foreach (OrtValue value in _pristine.Values) value.Dispose();
        foreach (OrtSession session in _sessions.Values) session.Dispose();
        _memory.Dispose();
    }

    private OrtSession SessionFor(LoraAdapter adapter)
    {
        string key = string.Join(' ', adapter.Pairs.Select(p => p.Target));
        lock (_lock)
        {
            if (_sessions.TryGetValue(key, out OrtSession? session)) return session;
            session = CreateSession(MergeGraph.Build(_vit, adapter.Pairs.Select(p => p.Target), _type));
            _sessions.Add(key, session);
            return session;
        }
    }

    private OrtSession CreateSession(GraphBuilder graph)
    {
        // What runs on the device needs no thread of the host's but the caller's.
        using OrtSessionOptions options = _provider.Options(SessionThreads.Of(1));
        OrtSession session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        try
        {
            _provider.NodesOnHost(session, strict: true);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private void Upload(BasePackage package)
    {
        using DeviceUpload upload = new(_provider);
        foreach (LinearId id in package.AdaptableLinears)
        {
            TensorView tensor = package.Weights[CanonicalWeights.LinearWeight(id)];
            if (_beside is null) _pristine.Add(id, upload.Send(tensor, ElementType.F32));
            if (_type != ElementType.F32) _converted.Add(id, upload.Send(tensor, _type));
        }
    }

    private static float[] Scaled(float[] b, float scale)
    {
        if (scale == 1) return b;
        float[] scaled = GC.AllocateUninitializedArray<float>(b.Length);
        TensorPrimitives.Multiply(b, scale, scaled);
        return scaled;
    }
}
