using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>A parallel loop under way, on the stack of the thread that started it: what to call, and the first exception.</summary>
internal unsafe struct OrtParallelLoop(delegate*<void*, int, void> body, void* state)
{
    private readonly delegate*<void*, int, void> _body = body;
    private readonly void* _state = state;
    private nint _failure; // a GCHandle of the exception; 0 without one

    /// <summary>The runtime's callback for one item. No exception may leave it.</summary>
    [UnmanagedCallersOnly]
    public static void Run(OrtParallelLoop* loop, nuint item)
    {
        if (Volatile.Read(ref loop->_failure) != 0) return;
        try
        {
            loop->_body(loop->_state, (int)item);
        }
        catch (Exception e)
        {
            GCHandle failure = GCHandle.Alloc(e);
            if (Interlocked.CompareExchange(ref loop->_failure, GCHandle.ToIntPtr(failure), 0) != 0) failure.Free();
        }
    }

    /// <summary>Throws the first exception of the loop's bodies.</summary>
    public readonly void ThrowIfFailed()
    {
        if (_failure == 0) return;
        GCHandle failure = GCHandle.FromIntPtr(_failure);
        Exception exception = (Exception)failure.Target!;
        failure.Free();
        ExceptionDispatchInfo.Throw(exception);
    }
}
