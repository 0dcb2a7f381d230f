using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The engine's merger by itself: a cold switch without the look-up, and what of it is bringing A, B and the head to the device. Neither waits for the device.
/// </summary>
internal sealed class DeviceMerge : IDisposable
{
    private readonly DeviceTaskMerger _merger;
    private readonly OrtSession _upload;
    private readonly TaskBuffer _buffer;

    public DeviceMerge(BasePackage package, Precision precision, BenchmarkDevice device, LoraAdapter adapter)
    {
        _merger = new DeviceTaskMerger(package, precision, device.Provider, beside: null);
        _buffer = _merger.CreateBuffer(_merger.MergedBytes(adapter));
        _upload = device.Session(MergeGraph.Build(package.Architecture, adapter.Pairs.Select(p => p.Target), MergedFormat.Of(precision).Input(1, 1).Type));
    }

    /// <summary>What the graph's adaptable linears take that an adapter leaves alone.</summary>
    public IReadOnlyDictionary<LinearId, OrtValue> Unadapted => _merger.Unadapted;

    /// <summary>The bytes that merges brought to the device so far.</summary>
    public long UploadedBytes => _merger.HostBytesIn;

    /// <summary>Merges into the same memory each time.</summary>
    public MergedTask Merge(LoraAdapter adapter) => _merger.Merge(adapter, _buffer, threads: 1);

    /// <summary>Brings to the device what a merge needs, and lets it go.</summary>
    public void Upload(LoraAdapter adapter)
    {
        using OrtIoBinding binding = new(_upload); // a binding copies what lies on the host
        foreach (LoraPair pair in adapter.Pairs)
        {
            (_, string a, string b, _) = MergeGraph.Names(pair.Target);
            Send(a, pair.A, [pair.Rank, pair.InFeatures]);
            Send(b, pair.B, [pair.OutFeatures, pair.Rank]);
        }
        (string weight, string bias) = MergeGraph.HeadInputs;
        Send(weight, adapter.Head.Transposed, [adapter.Head.Dim, adapter.Head.Classes]);
        Send(bias, adapter.Head.Bias, [adapter.Head.Classes]);

        void Send(string name, float[] values, ReadOnlySpan<long> shape)
        {
            using OrtValue value = OrtValue.FromArray(values, shape);
            binding.BindInput(name, value);
        }
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _upload.Dispose();
        _merger.Dispose();
    }
}
