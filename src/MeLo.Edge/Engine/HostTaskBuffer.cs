using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>A task's merged matrices in one block of the host's memory, where a merge writes them.</summary>
/// <param name="byteLength">The bytes; at least 1.</param>
/// <exception cref="OutOfMemoryException">The system has no such block.</exception>
internal sealed unsafe class HostTaskBuffer(long byteLength) : TaskBuffer(byteLength)
{
    private readonly HostBuffer _memory = new(byteLength);
    private MergedFormat? _format;
    private MergeTarget[] _targets = [];
    private OrtValue[] _values = [];

    /// <summary>The first byte, page-aligned.</summary>
    public byte* Pointer => _memory.Pointer;

    /// <summary>Has the system back every page now.</summary>
    public override void Prefault() => _memory.Prefault();

    /// <summary>Describes matrices in this memory to the runtime.</summary>
    /// <param name="format">The format of one model.</param>
    /// <param name="targets">The matrices, all in this buffer.</param>
    /// <returns>A value for each, until the next call or the end of the buffer.</returns>
    public OrtValue[] Describe(MergedFormat format, MergeTarget[] targets)
    {
        if (ReferenceEquals(format, _format) && LieAsDescribed(targets)) return _values;
        Forget();
        OrtValue[] values = new OrtValue[targets.Length];
        for (int i = 0; i < values.Length; i++) values[i] = format.Bind(targets[i]);
        // Without the pairs, which would keep a task in memory that is long gone.
        _targets = Array.ConvertAll(targets, static t => new MergeTarget(t.Id, t.InFeatures, t.OutFeatures, t.Pristine, t.Destination));
        (_format, _values) = (format, values);
        return values;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        Forget();
        _memory.Dispose();
    }

    private bool LieAsDescribed(MergeTarget[] targets)
    {
        if (targets.Length != _targets.Length) return false;
        for (int i = 0; i < targets.Length; i++)
            if (!targets[i].LiesLike(_targets[i])) return false;
        return true;
    }

    private void Forget()
    {
        Dispose(_values);
        (_format, _targets, _values) = (null, [], []);
    }
}
