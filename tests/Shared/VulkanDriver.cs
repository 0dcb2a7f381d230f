using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests;

/// <summary>
/// The GPU of a machine that has none: SwiftShader, a Vulkan driver that computes on the processor, as Debian's package chromium-common has it. It is this process's driver
/// from the start, as Vulkan is loaded once; a driver that the environment names (<c>VK_DRIVER_FILES</c>, <c>VK_ICD_FILENAMES</c>) stays.
/// </summary>
internal static partial class VulkanDriver
{
    private const string Loader = "libvulkan.so.1";
    private const string Folder = "/usr/lib/chromium";
    private const string Manifest = $"{Folder}/vk_swiftshader_icd.json";

    // The loader reads the first since version 1.3.207, and the second always.
    private static readonly string[] s_variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

    private static readonly bool s_isNamed = s_variables.Any(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)));

    /// <summary>SwiftShader's library.</summary>
    public const string SwiftShader = $"{Folder}/libvk_swiftshader.so";

    /// <summary>The variables by which a process has SwiftShader, whatever driver this one has.</summary>
    public static (string Key, string Value)[] Software { get; } = Of(Manifest);

    /// <summary>The variables by which a process has the driver of a manifest, and no other.</summary>
    public static (string Key, string Value)[] Of(string manifest) => [.. s_variables.Select(name => (name, manifest))];

    /// <summary>Skips the running test where this process has no driver.</summary>
    public static void Require()
    {
        if (s_isNamed) RequireLoader();
        else RequireSoftware();
    }

    /// <summary>Skips the running test where there is no SwiftShader.</summary>
    public static void RequireSoftware()
    {
        RequireLoader();
        Assert.SkipUnless(File.Exists(Manifest), $"needs {Manifest}, a GPU in software (Debian's package chromium-common)");
    }

    // .NET keeps an environment of its own, which native code does not see. That one stays as it was: a child process has a driver where a test gives it one.
    [ModuleInitializer]
    public static void Use()
    {
        if (!OperatingSystem.IsLinux() || s_isNamed || !File.Exists(Manifest)) return;
        foreach ((string key, string value) in Software) _ = SetEnvironmentVariable(key, value, overwrite: 1);
    }

    private static void RequireLoader()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux, where Vulkan's drivers can be chosen");
        Assert.SkipUnless(NativeLibrary.TryLoad(Loader, out _), $"needs {Loader} (Debian's package libvulkan1)");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}
