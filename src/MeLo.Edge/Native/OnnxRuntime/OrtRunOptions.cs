namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>Options of one run; here, the means to cancel it.</summary>
internal sealed unsafe class OrtRunOptions : OrtHandle
{
    public OrtRunOptions()
        : base(Create())
    {
    }

    /// <summary>Asks the run that uses these options to stop at the next operator; it then fails, and so does every later run with them.</summary>
    public void Terminate()
    {
        using Lease self = Use();
        OrtException.ThrowIfFailed(OrtLibrary.Api.RunOptionsSetTerminate(self.Pointer));
    }

    protected override void Release()
    {
        OrtLibrary.Api.ReleaseRunOptions(handle);
    }

    private static nint Create()
    {
        nint pointer;
        OrtException.ThrowIfFailed(OrtLibrary.Api.CreateRunOptions(&pointer));
        return pointer;
    }
}
