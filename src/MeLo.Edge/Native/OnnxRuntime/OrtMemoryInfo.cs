using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>Names a kind of memory: the host's (<c>Cpu</c>) or a device's (<c>Cuda</c>, <c>WebGPU_Buffer</c>, <c>DML</c>).</summary>
internal sealed unsafe class OrtMemoryInfo : OrtHandle
{
    private const int DeviceAllocator = 0; // OrtDeviceAllocator
    private const int DefaultMemory = 0;   // OrtMemTypeDefault

    private OrtMemoryInfo(nint pointer, string name)
        : base(pointer) => Name = name;

    public string Name { get; }

    /// <summary>The default memory of a device.</summary>
    /// <exception cref="OrtException">The runtime does not know the name.</exception>
    public static OrtMemoryInfo ForDevice(string name, int deviceId = 0) => Create(OrtLibrary.Api, name, deviceId);

    /// <summary>Host memory, while the library is still being loaded; afterwards it is <see cref="OrtLibrary.HostMemory"/>.</summary>
    public static OrtMemoryInfo CreateHost(OrtApi api) => Create(api, "Cpu", deviceId: 0);

    private static OrtMemoryInfo Create(OrtApi api, string name, int deviceId)
    {
        nint pointer;
        using Utf8 text = new(name);
        OrtException.ThrowIfFailed(api, api.CreateMemoryInfo(text.Pointer, DeviceAllocator, deviceId, DefaultMemory, &pointer));
        return new OrtMemoryInfo(pointer, name);
    }

    protected override void Release()
    {
        OrtLibrary.Api.ReleaseMemoryInfo(handle);
    }
}

/// <summary>A zero-terminated UTF-8 copy of a string for the length of a call.</summary>
internal readonly unsafe ref struct Utf8(string text)
{
    public byte* Pointer { get; } = (byte*)Marshal.StringToCoTaskMemUTF8(text);

    public void Dispose() => Marshal.FreeCoTaskMem((nint)Pointer);
}
