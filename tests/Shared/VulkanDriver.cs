using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace MeLo.Edge.Tests;

/// <summary>
/// The GPU of a machine that has none, a Vulkan driver that computes on the processor: Mesa's lavapipe (Debian's package mesa-vulkan-drivers) behind a driver of ours that
/// WebGPU takes it from (<c>tests/vulkan-front</c>), or SwiftShader (chromium-common) where that is missing, which has no 16-bit floats and takes four times as long.
/// It is this process's driver from the start, as Vulkan is loaded once; a driver that the environment names (<c>VK_DRIVER_FILES</c>, <c>VK_ICD_FILENAMES</c>) stays.
/// </summary>
internal static partial class VulkanDriver
{
    private const string Loader = "libvulkan.so.1";
    private const string SwiftShaderFolder = "/usr/lib/chromium";
    private const string SwiftShaderManifest = $"{SwiftShaderFolder}/vk_swiftshader_icd.json";
    private const string Packages = "Debian's packages mesa-vulkan-drivers, and gcc and libc6-dev when the tests are built";

    /// <summary>What the driver in front reads: the driver that does the work.</summary>
    private const string WorkerVariable = "MELO_VULKAN_DRIVER";

    // The loader reads the first since version 1.3.207, and the second always.
    private static readonly string[] s_variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

    private static readonly bool s_isNamed = s_variables.Any(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)));
    private static readonly bool s_hasSwiftShader = File.Exists(SwiftShaderManifest);
    private static readonly bool s_hasFront = OperatingSystem.IsLinux() && File.Exists(Path.Combine(AppContext.BaseDirectory, "libvulkan-front.so"));
    private static readonly string? s_lavapipe = Lavapipe();

    private static readonly bool s_isLavapipe = s_hasFront && s_lavapipe is not null;

    /// <summary>What the software device's name begins with.</summary>
    public static string SoftwareName => s_isLavapipe ? "llvmpipe" : "SwiftShader";

    /// <summary>The variables by which a process has the software device, whatever driver this one has.</summary>
    public static (string Key, string Value)[] Software => s_isLavapipe ? Front : SwiftShader;

    /// <summary>The variables by which a process has the software device behind the driver in front, which fails when told to.</summary>
    public static (string Key, string Value)[] Front =>
        [.. Of(Path.Combine(AppContext.BaseDirectory, "vulkan-front.json")), (WorkerVariable, s_lavapipe ?? $"{SwiftShaderFolder}/libvk_swiftshader.so")];

    /// <summary>The variables by which a process has a device without 16-bit floats.</summary>
    public static (string Key, string Value)[] SwiftShader => Of(SwiftShaderManifest);

    /// <summary>The variables by which a process has the driver of a manifest, and no other.</summary>
    public static (string Key, string Value)[] Of(string manifest) => [.. s_variables.Select(name => (name, manifest))];

    /// <summary>Skips the running test where this process has no driver.</summary>
    public static void Require()
    {
        if (s_isNamed) RequireLoader();
        else RequireSoftware();
    }

    /// <summary>Skips the running test where there is no software device.</summary>
    public static void RequireSoftware()
    {
        RequireLoader();
        Assert.SkipUnless(s_isLavapipe || s_hasSwiftShader, $"needs a GPU in software ({Packages}; or chromium-common)");
    }

    /// <summary>Skips the running test where there is no software device with 16-bit floats.</summary>
    public static void RequireSoftwareHalf()
    {
        RequireLoader();
        Assert.SkipUnless(s_isLavapipe, $"needs a GPU in software that has 16-bit floats ({Packages})");
    }

    /// <summary>Skips the running test where there is no software device, or no driver in front of it.</summary>
    public static void RequireFront()
    {
        RequireSoftware();
        Assert.SkipUnless(s_hasFront, "needs libvulkan-front.so beside the tests (Debian's packages gcc and libc6-dev when they are built)");
    }

    /// <summary>Skips the running test where there is no SwiftShader.</summary>
    public static void RequireSwiftShader()
    {
        RequireLoader();
        Assert.SkipUnless(s_hasSwiftShader, $"needs {SwiftShaderManifest} (Debian's package chromium-common)");
    }

    /// <summary>Skips the running test where this process's device has no 16-bit floats.</summary>
    /// <param name="computesHalf">Asks a device that is not known beforehand.</param>
    public static void RequireHalf(Func<bool> computesHalf)
    {
        if (OperatingSystem.IsLinux() && !s_isNamed) RequireSoftwareHalf();
        else Assert.SkipUnless(computesHalf(), "needs a device with 16-bit floats");
    }

    // .NET keeps an environment of its own, which native code does not see. That one stays as it was: a child process has a driver where a test gives it one.
    [ModuleInitializer]
    public static void Use()
    {
        if (!OperatingSystem.IsLinux() || s_isNamed || !(s_isLavapipe || s_hasSwiftShader)) return;
        foreach ((string key, string value) in Software) _ = SetEnvironmentVariable(key, value, overwrite: 1);
    }

    // Its library, as its manifest has it: a path, a path from the manifest's folder, or a name.
    private static string? Lavapipe()
    {
        const string Manifests = "/usr/share/vulkan/icd.d";
        string architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64";
        string? manifest = ((string[])[$"{Manifests}/lvp_icd.{architecture}.json", $"{Manifests}/lvp_icd.json"]).FirstOrDefault(File.Exists);
        if (manifest is null) return null;
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(manifest));
        string library = document.RootElement.GetProperty("ICD").GetProperty("library_path").GetString()!;
        return library.Contains('/', StringComparison.Ordinal) ? Path.GetFullPath(library, Manifests) : library;
    }

    private static void RequireLoader()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux, where Vulkan's drivers can be chosen");
        Assert.SkipUnless(NativeLibrary.TryLoad(Loader, out _), $"needs {Loader} (Debian's package libvulkan1)");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}
