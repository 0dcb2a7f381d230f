using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Gpu;

/// <summary>NVIDIA's driver, asked (cuda.h) for its version and its devices. C names are kept.</summary>
/// <param name="Version">The newest version of CUDA it supports: 13000 is 13.0; 0 where it does not say.</param>
/// <param name="Devices">The devices by their numbers; empty where there is a fault.</param>
/// <param name="Fault">Why it has none: what was found, and what was expected; null where it has one.</param>
internal sealed unsafe record CudaDriver(int Version, IReadOnlyList<string> Devices, string? Fault)
{
    /// <summary>The name of the driver's library, which the driver puts on the system's library path.</summary>
    public static string Library { get; } = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>Asks the driver.</summary>
    /// <param name="library">Its library.</param>
    /// <returns>Null where there is none that can be loaded.</returns>
    public static CudaDriver? Find(string library)
    {
        if (!NativeLibrary.TryLoad(library, out nint loaded)) return null; // never freed: a driver that was initialised stays
        try
        {
            var cuDriverGetVersion = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(loaded, "cuDriverGetVersion");
            var cuInit = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(loaded, "cuInit");
            var cuDeviceGetCount = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(loaded, "cuDeviceGetCount");
            int version = 0, count = 0;
            string? fault = Said(loaded, "cuDriverGetVersion", cuDriverGetVersion(&version)) ?? Said(loaded, "cuInit", cuInit(0))
                ?? Said(loaded, "cuDeviceGetCount", cuDeviceGetCount(&count)) ?? (count > 0 ? null : "found NVIDIA's driver and no device of it, expected one");
            return new CudaDriver(version, fault is null ? [.. Enumerable.Range(0, count).Select(i => Name(loaded, i))] : [], fault);
        }
        catch (EntryPointNotFoundException)
        {
            return new CudaDriver(0, [], $"found a {Path.GetFileName(library)} without the driver's functions, expected NVIDIA's");
        }
    }

    private static string Name(nint library, int number)
    {
        var cuDeviceGet = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(library, "cuDeviceGet");
        var cuDeviceGetName = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(library, "cuDeviceGetName");
        const int Length = 256;
        byte* name = stackalloc byte[Length];
        int device;
        return cuDeviceGet(&device, number) == 0 && cuDeviceGetName(name, Length, device) == 0 ? Marshal.PtrToStringUTF8((nint)name)! : $"device {number}";
    }

    private static string? Said(nint library, string function, int result)
    {
        if (result == 0) return null;
        byte* name = null;
        bool hasName = NativeLibrary.TryGetExport(library, "cuGetErrorName", out nint cuGetErrorName) && ((delegate* unmanaged<int, byte**, int>)cuGetErrorName)(result, &name) == 0;
        string text = hasName ? Marshal.PtrToStringUTF8((nint)name)! : $"error {result}";
        return $"found NVIDIA's driver, whose {function} says {text}, expected a device that this user and this service may use";
    }
}
