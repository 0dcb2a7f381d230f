using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>
/// The memory of one task's merged matrices, with the values that describe them to the runtime. Both serve task after task: the tasks of a base
/// mostly change the same linears, which then lie where those of the last task lay.
/// </summary>
/// <param name="byteLength">The bytes; at least 1.</param>
internal abstract class TaskBuffer(long byteLength) : IDisposable
{
    /// <summary>The bytes.</summary>
    public long ByteLength => byteLength;

    /// <summary>Has the memory ready now, so that the first merge does not wait for it.</summary>
    public virtual void Prefault()
    {
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    protected static void Dispose(ReadOnlySpan<OrtValue> values)
    {
        foreach (OrtValue value in values) value.Dispose();
    }
}
