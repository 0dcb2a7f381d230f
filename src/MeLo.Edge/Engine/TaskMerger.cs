using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>
/// The pristine matrices that adapters may change, where the graph runs, and the merge of an adapter from them: W' = W + s·B·A. It keeps no task of
/// its own.
/// </summary>
internal abstract class TaskMerger : IDisposable
{
    /// <summary>The merger of a model.</summary>
    /// <param name="package">The base.</param>
    /// <param name="precision">The model's precision.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">The threads that a merge on the host uses.</param>
    /// <param name="beside">A merger of the same base and provider that outlives this one, whose pristine matrices serve it too.</param>
    public static TaskMerger Create(BasePackage package, Precision precision, Provider provider, SessionThreads threads, TaskMerger? beside) => provider.IsDevice
        ? new DeviceTaskMerger(package, precision, provider, (DeviceTaskMerger?)beside)
        : new HostTaskMerger(package, precision, threads, (HostTaskMerger?)beside);

    /// <summary>What a linear's weights are bound to where an adapter leaves them alone: the pristine ones, in the form that the graph takes.</summary>
    public abstract IReadOnlyDictionary<LinearId, OrtValue> Unadapted { get; }

    /// <summary>Whether every byte of a buffer is memory that has to be had from the system before a merge, so that one in reserve pays.</summary>
    public abstract bool WantsSpareBuffer { get; }

    /// <summary>The memory that an adapter's merged matrices take, in bytes.</summary>
    public abstract long MergedBytes(LoraAdapter adapter);

    /// <summary>Memory for merged matrices.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such block.</exception>
    public abstract TaskBuffer CreateBuffer(long byteLength);

    /// <summary>Merges an adapter into a buffer of this merger's.</summary>
    /// <param name="adapter">An adapter whose linears the base exposes, with matching shapes.</param>
    /// <param name="buffer">At least <see cref="MergedBytes"/> long.</param>
    /// <param name="threads">How many threads share the merge, on the host.</param>
    /// <exception cref="OrtException">The device failed.</exception>
    public abstract MergedTask Merge(LoraAdapter adapter, TaskBuffer buffer, int threads);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>What a merge made.</summary>
/// <param name="Matrices">A value for each of the adapter's pairs, in their order; they are the buffer's.</param>
/// <param name="HeadWeight">The head's weight, [dim, classes]; the caller's to dispose of.</param>
/// <param name="HeadBias">The head's bias, [classes]; likewise.</param>
/// <param name="MergeMicroseconds">How long the merge took.</param>
/// <param name="BindMicroseconds">How long describing the result to the runtime took.</param>
internal readonly record struct MergedTask(OrtValue[] Matrices, OrtValue HeadWeight, OrtValue HeadBias, double MergeMicroseconds, double BindMicroseconds);
