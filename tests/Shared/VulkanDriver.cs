using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests;

/// <summary>
/// The GPU of a machine that has none: SwiftShader, a Vulkan driver that computes on the processor, as Debian's package chromium-common has it. It is this process's driver
/// from the start, as Vulkan is loaded once; a driver that the environment names (<c>VK_DRIVER_FILES</c>, <c>VK_ICD_FILENAMES</c>) stays.
/// </summary>
internal static partial class VulkanDriver
{
    private const string Library = "libvulkan.so.1";
    private const string Manifest = "/usr/lib/chromium/vk_swiftshader_icd.json";

    // The loader reads the first since version 1.3.207, and the second always.
    private static readonly string[] s_variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

    private static readonly bool s_isChosen = s_variables.Any(name => !string.IsNullOrEmpty(System.Environment.GetEnvironmentVariable(name)));

    /// <summary>SwiftShader itself.</summary>
    public static string SwiftShader => Path.Combine(Path.GetDirectoryName(Manifest)!, "libvk_swiftshader.so");

    /// <summary>What a child process needs in its environment to have the same driver.</summary>
    public static (string Key, string Value)[] Environment { get; } = s_isChosen || !File.Exists(Manifest) ? [] : For(Manifest);

    /// <summary>Skips the running test where there is no driver.</summary>
    public static void Require()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux, where there is a software Vulkan driver");
        Assert.SkipUnless(s_isChosen || File.Exists(Manifest), $"needs a Vulkan driver: {Manifest} (Debian's package chromium-common), or one that VK_DRIVER_FILES names");
        Assert.SkipUnless(NativeLibrary.TryLoad(Library, out _), $"needs {Library} (Debian's package libvulkan1)");
    }

    /// <summary>The variables that make a manifest's driver the only one.</summary>
    public static (string Key, string Value)[] For(string manifest) => [.. s_variables.Select(name => (name, manifest))];

    // .NET keeps an environment of its own, which native code does not see. It stays without: a child process has this driver where a test gives it one.
    [ModuleInitializer]
    public static void Use()
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach ((string key, string value) in Environment) _ = SetEnvironmentVariable(key, value, overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}
