using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Gpu;

/// <summary>Asks Windows (dxgi.h) which adapters it has: what DirectML, and WebGPU on Windows, run on. Interfaces are called by the places of their methods.</summary>
internal static unsafe class DxgiAdapters
{
    private const string Library = "dxgi.dll";

    // Windows' own rasteriser, "Microsoft Basic Render Driver": DXGI_ADAPTER_FLAG_SOFTWARE, or these two numbers.
    private const uint SoftwareFlag = 2, MicrosoftVendor = 0x1414, BasicRenderDriver = 0x8c;

    // struct DXGI_ADAPTER_DESC1 of 64-bit Windows: 128 characters of a name, four numbers of 32 bits, three sizes, an identifier of 64 bits, flags.
    private const int DescriptionSize = 312, VendorOffset = 256, DeviceOffset = 260, FlagsOffset = 304;

    // IUnknown has three methods, IDXGIObject four more; EnumAdapters1 is the sixth after those of IDXGIFactory1, GetDesc1 the fourth of IDXGIAdapter1.
    private const int Release = 2, EnumAdapters1 = 12, GetDesc1 = 10;

    /// <summary>Looks for adapters.</summary>
    public static GpuSearch Find()
    {
        if (!NativeLibrary.TryLoad(Library, out nint library) || !NativeLibrary.TryGetExport(library, "CreateDXGIFactory1", out nint create))
            return GpuSearch.Failed($"found no {Library} with CreateDXGIFactory1, expected that of Windows 10 or later");
        Guid factoryId = new("770aae78-f26f-4dba-a829-253c83d1b387"); // IDXGIFactory1
        void*** factory;
        int result = ((delegate* unmanaged<Guid*, void****, int>)create)(&factoryId, &factory);
        if (result != 0) return GpuSearch.Failed($"CreateDXGIFactory1 failed with 0x{result:X8}, expected Direct3D 12");
        List<GpuDevice> devices = [];
        void*** adapter;
        byte* description = stackalloc byte[DescriptionSize];
        // It ends with DXGI_ERROR_NOT_FOUND.
        for (uint i = 0; ((delegate* unmanaged<void***, uint, void****, int>)(*factory)[EnumAdapters1])(factory, i, &adapter) == 0; i++)
        {
            if (((delegate* unmanaged<void***, byte*, int>)(*adapter)[GetDesc1])(adapter, description) == 0)
            {
                bool isSoftware = (*(uint*)(description + FlagsOffset) & SoftwareFlag) != 0
                    || (*(uint*)(description + VendorOffset) == MicrosoftVendor && *(uint*)(description + DeviceOffset) == BasicRenderDriver);
                devices.Add(new GpuDevice(Marshal.PtrToStringUni((nint)description)!, isSoftware ? GpuKind.Software : GpuKind.Other));
            }
            ((delegate* unmanaged<void***, uint>)(*adapter)[Release])(adapter);
        }
        ((delegate* unmanaged<void***, uint>)(*factory)[Release])(factory);
        return devices.Count > 0 ? new GpuSearch(devices) : GpuSearch.Failed("Windows lists no adapter, expected a GPU with a driver for Direct3D 12");
    }
}
