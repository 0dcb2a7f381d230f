using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// Loads ONNX Runtime once, checks its version, and holds what lives as long as the process: the function table, the environment,
/// the default allocator and the description of host memory.
/// </summary>
internal static unsafe partial class OrtLibrary
{
    // ORT_LOGGING_LEVEL_INFO: why a device was lost is said at that level (OrtLog). Sessions, which would say much more, keep to errors (OrtSessionOptions).
    private const int Information = 1;

    private static readonly Lazy<Loaded> s_loaded = new(Load);

    /// <summary>The function table.</summary>
    /// <exception cref="OrtException">The library is missing, cannot be loaded, or is older than the table this code needs.</exception>
    public static OrtApi Api => s_loaded.Value.Api;

    /// <summary>The library's own version, such as <c>1.30.0</c>.</summary>
    public static string Version => s_loaded.Value.Version;

    /// <summary>The folder that the library lies in, where it looks for the libraries of its providers.</summary>
    public static string Folder => s_loaded.Value.Folder;

    /// <summary>Whether a session can tell on which provider each of its nodes runs: since ONNX Runtime 1.24.</summary>
    public static bool HasAssignments => System.Version.TryParse(Version.Split('-', '+')[0], out Version? version) && version >= new Version(1, 24);

    /// <summary>OrtEnv*.</summary>
    public static nint Environment => s_loaded.Value.Environment;

    /// <summary>OrtAllocator* for host memory; never released.</summary>
    public static nint HostAllocator => s_loaded.Value.HostAllocator;

    /// <summary>The host's memory, where tensors over memory of our own live.</summary>
    public static OrtMemoryInfo HostMemory => s_loaded.Value.HostMemory;

    /// <summary>The execution providers built into the library, by ONNX Runtime's names.</summary>
    public static IReadOnlyList<string> AvailableProviders()
    {
        byte** names;
        int count;
        OrtException.ThrowIfFailed(Api.GetAvailableProviders(&names, &count));
        string[] providers = new string[count];
        for (int i = 0; i < count; i++) providers[i] = Marshal.PtrToStringUTF8((nint)names[i])!;
        OrtException.ThrowIfFailed(Api.ReleaseAvailableProviders(names, count));
        return providers;
    }

    private static Loaded Load()
    {
        string path;
        nint library;
        try
        {
            ForbidTelemetry();
            path = NativeLibraryFinder.Find("ONNX Runtime", OperatingSystem.IsWindows() ? ["onnxruntime.dll"] : ["libonnxruntime.so.1", "libonnxruntime.so"]);
            library = NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw OrtException.Library(e.Message, e);
        }
        // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t version); const char* (*GetVersionString)(void); }
        var getApiBase = (delegate* unmanaged<void**>)NativeLibrary.GetExport(library, "OrtGetApiBase");
        void** apiBase = getApiBase();
        string version = Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)apiBase[1])())!;
        void** table = ((delegate* unmanaged<uint, void**>)apiBase[0])(OrtApi.Version);
        if (table == null) throw OrtException.Library($"found ONNX Runtime {version}, expected 1.{OrtApi.Version} or later");

        OrtApi api = new(table);
        nint environment;
        fixed (byte* logId = "MeLo.Edge"u8) OrtException.ThrowIfFailed(api, api.CreateEnvWithCustomLogger(&OrtLog.Receive, null, Information, logId, &environment));
        // On Windows events go to the system's tracing, and this call is the only way to stop them.
        OrtException.ThrowIfFailed(api, api.DisableTelemetryEvents(environment));
        nint allocator;
        OrtException.ThrowIfFailed(api, api.GetAllocatorWithDefaultOptions(&allocator));
        return new Loaded(api, version, Path.GetDirectoryName(path)!, environment, allocator, OrtMemoryInfo.CreateHost(api));
    }

    // The official builds report to their makers how they are used. On Linux (since 1.29) that begins when the environment is made: a device ID and a queue in the user's cache, a log in /tmp, the
    // command line and the machine's ID read, an upload over HTTPS; the function that stops it can only be called afterwards. A hospital device reports nothing, so this variable has to be there before.
    private static void ForbidTelemetry()
    {
        const string Variable = "ORT_DISABLE_TELEMETRY", Yes = "1";
        System.Environment.SetEnvironmentVariable(Variable, Yes);
        // On Unix .NET keeps the variables that it sets to itself.
        if (!OperatingSystem.IsWindows() && SetNativeVariable(Variable, Yes, overwrite: 1) != 0) throw OrtException.Library($"found no room for the environment variable {Variable}, without which ONNX Runtime would report its use");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);

    private sealed record Loaded(OrtApi Api, string Version, string Folder, nint Environment, nint HostAllocator, OrtMemoryInfo HostMemory);
}
