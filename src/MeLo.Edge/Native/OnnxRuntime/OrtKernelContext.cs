namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>One call of a kernel (OrtKernelContext*): its inputs, outputs and threads. Nothing here allocates managed memory.</summary>
internal readonly unsafe ref struct OrtKernelContext(nint context)
{
    private readonly OrtApi _api = OrtLibrary.Api;

    /// <summary>An input's data and shape.</summary>
    /// <exception cref="OrtException">It has more than <see cref="OrtKernelInput.MaxRank"/> dimensions.</exception>
    public OrtKernelInput Input(int index)
    {
        nint value;
        OrtException.ThrowIfFailed(_api.KernelContext_GetInput(context, (nuint)index, &value));
        return new OrtKernelInput(_api, value);
    }

    /// <summary>Has the runtime make an output of that shape; its elements hold no known values. Every output is asked for once.</summary>
    public void* Output(int index, params ReadOnlySpan<long> shape)
    {
        nint value;
        fixed (long* dimensions = shape)
            OrtException.ThrowIfFailed(_api.KernelContext_GetOutput(context, (nuint)index, dimensions, (nuint)shape.Length, &value));
        void* data;
        OrtException.ThrowIfFailed(_api.GetTensorMutableData(value, &data));
        return data;
    }

    /// <summary>
    /// Calls <paramref name="body"/> for every item from 0 to <paramref name="total"/> - 1 on the session's threads, the calling one
    /// included; a free thread takes the next item, so items should be large enough to outweigh that. Returns when all are done.
    /// After an exception in a body the items not begun are left out, and the exception is thrown here.
    /// </summary>
    public void ParallelFor(int total, delegate*<void*, int, void> body, void* state)
    {
        OrtParallelLoop loop = new(body, state);
        OrtException.ThrowIfFailed(_api.KernelContext_ParallelFor(context, &OrtParallelLoop.Run, (nuint)total, 0, &loop));
        loop.ThrowIfFailed();
    }
}
