using System.Text.RegularExpressions;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>What an error says about the device that a session runs on.</summary>
internal enum DeviceFault
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>It has too little memory left.</summary>
    OutOfMemory,
    /// <summary>It is gone, and with it all that lay in its memory.</summary>
    Lost,
}

/// <summary>
/// Reads a device's faults out of the runtime's messages: its error codes do not tell them apart from others. Where the texts come from, and what holds after each
/// fault: docs/decisions/0012-device-faults.md.
/// </summary>
internal static partial class DeviceFaults
{
    /// <summary>The fault that an error of a session on a device speaks of. One on the host may have words in common: its memory runs out too.</summary>
    public static DeviceFault Of(OrtException error) =>
        Lost().IsMatch(error.Message) ? DeviceFault.Lost : OutOfMemory().IsMatch(error.Message) ? DeviceFault.OutOfMemory : DeviceFault.None;

    /// <summary>Whether memory is what the device lacked: also where it is lost because of that.</summary>
    public static bool LacksMemory(OrtException error) => OutOfMemory().IsMatch(error.Message);

    // Dawn; Vulkan; Direct3D 12 and DirectML (DEVICE_REMOVED, _HUNG, _RESET, DRIVER_INTERNAL_ERROR); CUDA's errors after which a process can do nothing more with the
    // device (driver_types.h: devices unavailable, none there, uncorrectable memory error, broken link, illegal address, launch timeout, context destroyed, assert, faults of
    // the hardware's stack, instruction, alignment, address space and counter, launch failure, unknown).
    [GeneratedRegex(
        @"\[Device[^\]]*\] is lost|\bWebGPU device lost \(|VK_ERROR_DEVICE_LOST|\b(0x)?887A00(05|06|07|20)\b|\bCUDA failure (46|100|214|220|700|702|709|710|71[4-9]|999):", RegexOptions.IgnoreCase)]
    private static partial Regex Lost();

    // Dawn's type of error, by number and by name, and what a buffer is that got no memory, whenever it is used; Vulkan; Direct3D 12 and DirectML; CUDA, its libraries, and the runtime's own arena.
    [GeneratedRegex(
        @"\bWebGPU device error\(3\)|\berror type OutOfMemory\b|\[Invalid Buffer|VK_ERROR_OUT_OF_(DEVICE|HOST)_MEMORY|\bE_OUTOFMEMORY\b|\b(0x)?8007000E\b|\bCUDA failure 2:|" +
        @"\bCUBLAS_STATUS_ALLOC_FAILED\b|\bCUDNN_STATUS_(INTERNAL_ERROR_(DEVICE|HOST)_)?ALLOC(ATION)?_FAILED\b|Failed to allocate memory for requested buffer of size|" +
        @"Available memory of \d+ is smaller than requested bytes of", RegexOptions.IgnoreCase)]
    private static partial Regex OutOfMemory();
}
