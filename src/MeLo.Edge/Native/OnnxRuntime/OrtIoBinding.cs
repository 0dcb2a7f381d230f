namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// Values bound to a session's inputs and outputs. An input that already lives where the session wants it is used without a copy; an
/// output bound to a device stays there and can be the input of another session. Not thread-safe.
/// </summary>
internal sealed unsafe class OrtIoBinding : OrtHandle
{
    private readonly OrtSession _session;

    public OrtIoBinding(OrtSession session)
        : base(Create(session), session) => _session = session;

    /// <summary>Binds an input. A value in other memory than the session's is copied now: later changes of it are not seen.</summary>
    public void BindInput(string name, OrtValue value)
    {
        using Lock.Scope turn = _session.TakeTurn();
        _session.CountInput(value);
        using Lease self = Use();
        using Lease bound = value.Use();
        using Utf8 text = new(name);
        _session.ThrowIfFailed(OrtLibrary.Api.BindInput(self.Pointer, text.Pointer, bound.Pointer));
    }

    /// <summary>Has a run write an output into an existing value.</summary>
    public void BindOutput(string name, OrtValue value)
    {
        using Lock.Scope turn = _session.TakeTurn();
        using Lease self = Use();
        using Lease bound = value.Use();
        using Utf8 text = new(name);
        OrtException.ThrowIfFailed(OrtLibrary.Api.BindOutput(self.Pointer, text.Pointer, bound.Pointer));
    }

    /// <summary>Has each run allocate an output in the named memory.</summary>
    public void BindOutput(string name, OrtMemoryInfo memory)
    {
        using Lock.Scope turn = _session.TakeTurn();
        using Lease self = Use();
        using Lease bound = memory.Use();
        using Utf8 text = new(name);
        OrtException.ThrowIfFailed(OrtLibrary.Api.BindOutputToDevice(self.Pointer, text.Pointer, bound.Pointer));
    }

    /// <summary>The outputs of the last run, in the order they were bound; the caller disposes them.</summary>
    public OrtValue[] TakeOutputs()
    {
        using Lease self = Use();
        nint* values;
        nuint count;
        OrtException.ThrowIfFailed(OrtLibrary.Api.GetBoundOutputValues(self.Pointer, OrtLibrary.HostAllocator, &values, &count));
        OrtValue[] outputs = new OrtValue[count];
        for (nuint i = 0; i < count; i++) outputs[i] = OrtValue.Own(values[i], _session);
        if (count > 0) OrtException.ThrowIfFailed(OrtLibrary.Api.AllocatorFree(OrtLibrary.HostAllocator, values));
        return outputs;
    }

    /// <summary>Lets go of every bound value.</summary>
    public void Clear()
    {
        using Lock.Scope turn = _session.TakeTurn();
        using Lease self = Use();
        OrtLibrary.Api.ClearBoundInputs(self.Pointer);
        OrtLibrary.Api.ClearBoundOutputs(self.Pointer);
    }

    protected override void Release()
    {
        using Lock.Scope turn = _session.TakeTurn();
        OrtLibrary.Api.ReleaseIoBinding(handle);
    }

    private static nint Create(OrtSession session)
    {
        using Lease lease = session.Use();
        nint pointer;
        OrtException.ThrowIfFailed(OrtLibrary.Api.CreateIoBinding(lease.Pointer, &pointer));
        return pointer;
    }
}
