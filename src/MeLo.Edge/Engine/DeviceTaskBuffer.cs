using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>
/// A task's merged matrices in a device's memory: values that the first merge made and later ones write into. A device's buffers are handles without an
/// address, so each matrix has one of its own.
/// </summary>
/// <param name="byteLength">The bytes that the values take once they are there.</param>
internal sealed class DeviceTaskBuffer(long byteLength) : TaskBuffer(byteLength)
{
    private OrtSession? _session;

    /// <summary>The matrices, in the order of the outputs of the session that made them; empty before the first merge.</summary>
    public OrtValue[] Values { get; private set; } = [];

    /// <summary>Whether the values fit what a session writes.</summary>
    public bool Fits(OrtSession session) => ReferenceEquals(session, _session) && Values.Length > 0;

    /// <summary>Takes what a session has written; what was there before is let go.</summary>
    public void Take(OrtSession session, OrtValue[] values)
    {
        Forget();
        (_session, Values) = (session, values);
    }

    /// <summary>Lets the values go: the next merge makes new ones.</summary>
    public void Forget()
    {
        Dispose(Values);
        (_session, Values) = (null, []);
    }

    /// <inheritdoc/>
    public override void Dispose() => Forget();
}
