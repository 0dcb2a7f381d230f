using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Gpu;

/// <summary>
/// Asks Vulkan (vulkan_core.h, 1.1) which devices it has. Nothing is created on them: the answer is there before a runtime that would only say that it found none.
/// C names are kept.
/// </summary>
internal static unsafe class VulkanDevices
{
    public const string Loader = "libvulkan.so.1";

    private const int ErrorIncompatibleDriver = -9;        // VK_ERROR_INCOMPATIBLE_DRIVER: the loader has no driver to ask
    private const uint Version11 = (1u << 22) | (1u << 12); // VK_API_VERSION_1_1
    private const int PropertiesSize = 824;                 // sizeof(VkPhysicalDeviceProperties)

    /// <summary>Looks for devices.</summary>
    /// <param name="loader">The Vulkan loader, which the system's library path has.</param>
    public static GpuSearch Find(string loader = Loader)
    {
        if (!NativeLibrary.TryLoad(loader, out nint library))
            return GpuSearch.Failed($"found no {loader}, expected the Vulkan loader (Debian's libvulkan1, RHEL's vulkan-loader) and the driver of a GPU"); // else never freed: drivers do not like it
        try
        {
            return Find(library);
        }
        catch (EntryPointNotFoundException e)
        {
            return GpuSearch.Failed($"found a {loader} without Vulkan's functions ({e.Message.Trim()}), expected the Vulkan loader");
        }
    }

    private static GpuSearch Find(nint library)
    {
        var vkCreateInstance = (delegate* unmanaged<VkInstanceCreateInfo*, void*, nint*, int>)NativeLibrary.GetExport(library, "vkCreateInstance");
        var vkDestroyInstance = (delegate* unmanaged<nint, void*, void>)NativeLibrary.GetExport(library, "vkDestroyInstance");
        VkApplicationInfo application = new() { ApiVersion = Version11 };
        VkInstanceCreateInfo info = new() { SType = VkInstanceCreateInfo.Type, ApplicationInfo = &application };
        nint instance;
        int result = vkCreateInstance(&info, null, &instance);
        if (result == ErrorIncompatibleDriver)
            return GpuSearch.Failed($"found the Vulkan loader and no driver that it can use ({VulkanManifests.Describe()}), expected a GPU's (mesa-vulkan-drivers of Debian and RHEL, or NVIDIA's own), named by a manifest in {VulkanManifests.Usual} or in VK_DRIVER_FILES");
        if (result != 0) return Failed("vkCreateInstance", result);
        try
        {
            return Devices(library, instance);
        }
        finally
        {
            vkDestroyInstance(instance, null);
        }
    }

    private static GpuSearch Devices(nint library, nint instance)
    {
        var vkEnumeratePhysicalDevices = (delegate* unmanaged<nint, uint*, nint*, int>)NativeLibrary.GetExport(library, "vkEnumeratePhysicalDevices");
        var vkGetPhysicalDeviceProperties = (delegate* unmanaged<nint, byte*, void>)NativeLibrary.GetExport(library, "vkGetPhysicalDeviceProperties");
        uint count;
        int result = vkEnumeratePhysicalDevices(instance, &count, null);
        if (result != 0) return Failed("vkEnumeratePhysicalDevices", result);
        if (count == 0)
            return GpuSearch.Failed($"found a Vulkan driver and no device of it ({VulkanManifests.Describe()}; {GpuFiles.Describe()}), expected one that this user and this service may use");
        nint[] handles = new nint[count];
        fixed (nint* all = handles) result = vkEnumeratePhysicalDevices(instance, &count, all);
        if (result < 0) return Failed("vkEnumeratePhysicalDevices", result);
        GpuDevice[] devices = new GpuDevice[count];
        byte* properties = stackalloc byte[PropertiesSize];
        for (int i = 0; i < devices.Length; i++)
        {
            vkGetPhysicalDeviceProperties(handles[i], properties);
            // Four numbers of 32 bits, the type of the device, and its name in VK_MAX_PHYSICAL_DEVICE_NAME_SIZE bytes.
            int kind = *(int*)(properties + 16);
            string name = Marshal.PtrToStringUTF8((nint)(properties + 20))!;
            devices[i] = new GpuDevice(name, Enum.IsDefined((GpuKind)kind) ? (GpuKind)kind : GpuKind.Other);
        }
        return new GpuSearch(devices);
    }

    // The number alone helps nobody: a driver that finds no device it may open says that its initialisation failed.
    private static GpuSearch Failed(string function, int result)
    {
        string name = result switch
        {
            -1 => "VK_ERROR_OUT_OF_HOST_MEMORY",
            -2 => "VK_ERROR_OUT_OF_DEVICE_MEMORY",
            -3 => "VK_ERROR_INITIALIZATION_FAILED",
            -6 => "VK_ERROR_LAYER_NOT_PRESENT",
            -7 => "VK_ERROR_EXTENSION_NOT_PRESENT",
            ErrorIncompatibleDriver => "VK_ERROR_INCOMPATIBLE_DRIVER",
            _ => "error",
        };
        return GpuSearch.Failed($"found a Vulkan driver that does not start: {function} failed with {name} ({result}) ({VulkanManifests.Describe()}; {GpuFiles.Describe()}), "
            + "expected a driver of a GPU that this machine has, which fits the kernel's part of it, and a user and a service that may open its device file");
    }

#pragma warning disable CS0649 // The loader reads the structures; what is not set here is null.
    private struct VkApplicationInfo
    {
        public int SType; // VK_STRUCTURE_TYPE_APPLICATION_INFO is 0
        public void* Next;
        public byte* ApplicationName;
        public uint ApplicationVersion;
        public byte* EngineName;
        public uint EngineVersion;
        public uint ApiVersion;
    }

    private struct VkInstanceCreateInfo
    {
        public const int Type = 1; // VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
        public int SType;
        public void* Next;
        public uint Flags;
        public VkApplicationInfo* ApplicationInfo;
        public uint LayerCount;
        public byte** Layers;
        public uint ExtensionCount;
        public byte** Extensions;
    }
#pragma warning restore CS0649
}
