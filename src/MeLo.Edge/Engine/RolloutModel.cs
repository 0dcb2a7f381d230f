using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>
/// The graph of attention rollout on the processor, in fp32, with a merger of its own: the weights of the tasks that run are not looked at, and none of them has to go. Not
/// thread-safe: explanations take turns.
/// </summary>
internal sealed class RolloutModel : IDisposable
{
    private readonly BasePackage _package;
    private readonly SessionThreads _threads;
    private readonly ResidentModel? _beside;
    private readonly HostTaskMerger _merger;
    private readonly WeightBuffers _buffers;
    private readonly OrtSession _session;

    /// <param name="package">The base; which graphs it has does not matter.</param>
    /// <param name="threads">The threads that run it.</param>
    /// <param name="beside">A model of the same base on the processor, held by the caller, whose pristine matrices serve this one too; null for pristine matrices of its own.</param>
    /// <exception cref="OutOfMemoryException">The system has no memory for it.</exception>
    public RolloutModel(BasePackage package, SessionThreads threads, ResidentModel? beside)
    {
        _package = package;
        _threads = threads;
        beside?.TryHold();
        _beside = beside;
        try
        {
            _merger = new HostTaskMerger(package, Precision.Fp32, threads, (HostTaskMerger?)beside?.Merger);
            _buffers = new WeightBuffers(budget: 0, _merger); // one is kept for the next explanation
            using OrtSessionOptions options = new CpuProvider().Options(threads).WithExternalData(package.Folder);
            _session = OrtSession.Create(OnnxWriter.ToBytes(VitGraph.BuildRollout(package.Architecture, package.Weights, package.AdaptableLinears)), options);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Merges an adapter into weights for one or more runs.</summary>
    public RolloutWeights Merge(LoraAdapter adapter)
    {
        TaskBuffer buffer = _buffers.Rent(_merger.MergedBytes(adapter));
        try
        {
            MergedTask merged = _merger.Merge(adapter, buffer, _threads.Count);
            merged.HeadWeight.Dispose();
            merged.HeadBias.Dispose();
            Dictionary<LinearId, OrtValue> weights = new(_merger.Unadapted);
            for (int i = 0; i < merged.Matrices.Length; i++) weights[adapter.Pairs[i].Target] = merged.Matrices[i];
            return new RolloutWeights(weights.ToDictionary(w => CanonicalWeights.LinearWeight(w.Key), w => w.Value), buffer, _buffers);
        }
        catch
        {
            _buffers.Return(buffer);
            throw;
        }
    }

    /// <summary>Runs the graph for an image.</summary>
    /// <param name="weights">What <see cref="Merge"/> made.</param>
    /// <param name="pixels">[1, 3, size, size].</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>[tokens], with a sum of 1.</returns>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="OrtException">The run failed.</exception>
    public float[] Run(RolloutWeights weights, float[] pixels, CancellationToken cancellation)
    {
        int size = _package.Architecture.ImageSize;
        using OrtValue image = OrtValue.FromArray(pixels, [1, CanonicalWeights.Channels, size, size]);
        OrtValue[] inputs = [.. _session.Inputs.Select(i => i.Name == VitGraph.PixelValues ? image : weights.Of(i.Name))];
        using OrtRunOptions? options = cancellation.CanBeCanceled ? new OrtRunOptions() : null;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static o => ((OrtRunOptions)o!).Terminate(), options);
        try
        {
            using OrtValue shares = _session.Run(inputs, options)[0];
            return shares.AsSpan<float>().ToArray();
        }
        catch (OrtException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session?.Dispose(); // null when the constructor did not finish
        _buffers?.Dispose();
        _merger?.Dispose();
        _beside?.Dispose();
    }
}

/// <summary>An adapter's merged matrices and those that it leaves alone, for the rollout; disposing of them gives the memory back.</summary>
internal sealed class RolloutWeights(IReadOnlyDictionary<string, OrtValue> values, TaskBuffer buffer, WeightBuffers pool) : IDisposable
{
    /// <summary>The value of an input.</summary>
    public OrtValue Of(string name) => values[name];

    /// <inheritdoc/>
    public void Dispose() => pool.Return(buffer);
}
