using System.Runtime.InteropServices;
using System.Text;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// The runtime's log, of which two kinds of line are more than a second copy of what an <see cref="OrtException"/> says. Errors of a WebGPU device that no
/// run was watching for: weights that found no memory when a session was created, an input that found none when it was bound: the call succeeds, what it wrote is
/// zeros, and the log is all that says so. And that a device is lost because Dawn itself found no memory on it, of which the error says the loss alone
/// (docs/decisions/0012-device-faults.md). The rest is dropped: on stderr it would break the tools' one-line errors.
/// </summary>
internal static unsafe class OrtLog
{
    private static string? s_deviceError;

    /// <summary>The runtime's OrtLoggingFunction.</summary>
    [UnmanagedCallersOnly]
    public static void Receive(void* parameter, int severity, byte* category, byte* logId, byte* location, byte* message)
    {
        // webgpu_context.cc: "WebGPU device error(3): vkAllocateMemory failed with …", and more lines that say where in Dawn.
        ReadOnlySpan<byte> text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(message);
        // And "WebGPU device lost (2): … unexpected error type OutOfMemory …"; a device that is given back in order is said to be lost too.
        bool isLoss = text.StartsWith("WebGPU device lost ("u8) && text.IndexOf("OutOfMemory"u8) >= 0;
        if (!isLoss && !text.StartsWith("WebGPU device error("u8)) return;
        int end = text.IndexOf((byte)'\n');
        string line = Encoding.UTF8.GetString(end < 0 ? text : text[..end]).Trim();
        Interlocked.CompareExchange(ref s_deviceError, line, null); // the first is the cause of those that follow
    }

    /// <summary>
    /// The first error of the device since the last call, or null. Dawn reports an error before the call that it happens in returns; whoever asks after each call has
    /// it where it happened.
    /// </summary>
    public static string? TakeDeviceError() => Interlocked.Exchange(ref s_deviceError, null);
}
