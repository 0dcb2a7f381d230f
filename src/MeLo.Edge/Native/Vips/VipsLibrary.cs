using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Vips;

/// <summary>
/// Loads libvips once, checks its version and narrows it to what this project asks of it: four decoders over memory and one encoder into it, on the caller's
/// own thread, nothing cached, nothing logged.
/// </summary>
internal static unsafe class VipsLibrary
{
    // The major version fixes the ABI; the minor one is the oldest whose loaders all have the options set here.
    private const int Major = 8;
    private const int MinMinor = 17;

    private static readonly Lazy<Loaded> s_loaded = new(Load);

    /// <summary>The functions.</summary>
    /// <exception cref="VipsException">The library is missing, cannot be loaded, or has another version than this code needs.</exception>
    public static VipsApi Api => s_loaded.Value.Api;

    /// <summary>The library's own version, such as <c>8.18.7</c>.</summary>
    public static string Version => s_loaded.Value.Version;

    /// <summary>
    /// Takes the text of the latest failure, one line. libvips keeps one buffer for the process: under concurrent failures the text may
    /// belong to, or be shared with, another caller's; whether a call failed never comes from here.
    /// </summary>
    public static string TakeErrors()
    {
        byte* text = Api.vips_error_buffer_copy();
        string errors = Marshal.PtrToStringUTF8((nint)text) ?? "";
        Api.g_free(text);
        string[] lines = errors.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join("; ", lines.Distinct(StringComparer.Ordinal).Take(3));
    }

    private static Loaded Load()
    {
        nint library;
        try
        {
            library = NativeLibraryFinder.Load("libvips", OperatingSystem.IsWindows() ? ["libvips-42.dll"] : ["libvips-cpp.so.8.18.7", "libvips.so.42"]);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw VipsException.Library(e.Message, e);
        }
        VipsApi api;
        try
        {
            api = new VipsApi(library);
        }
        catch (EntryPointNotFoundException e)
        {
            throw VipsException.Library($"found a libvips without a function that is needed: {e.Message}", e);
        }

        // Before vips_init, which may already log. libvips warns about every odd file, with the file's own strings in the text.
        api.g_log_set_default_handler(&Ignore, null);
        fixed (byte* name = "MeLo.Edge"u8)
        {
            if (api.vips_init(name) != 0) throw VipsException.Library("vips_init failed");
        }
        string version = $"{api.vips_version(0)}.{api.vips_version(1)}.{api.vips_version(2)}";
        if (api.vips_version(0) != Major || api.vips_version(1) < MinMinor)
            throw VipsException.Library($"found libvips {version}, expected {Major}.{MinMinor} or a later {Major}.x");

        api.vips_block_untrusted_set(1);
        // Class names of libvips (vips -l). Whatever a file claims to be, everything else that reads or writes files stays blocked.
        Block(api, "VipsForeign"u8, blocked: true);
        Block(api, "VipsForeignLoadPngBuffer"u8, blocked: false);
        Block(api, "VipsForeignLoadJpegBuffer"u8, blocked: false);
        Block(api, "VipsForeignLoadTiffBuffer"u8, blocked: false);
        Block(api, "VipsForeignLoadWebpBuffer"u8, blocked: false);
        Block(api, "VipsForeignSavePngBuffer"u8, blocked: false);
        // No operation is worth keeping: every picture is decoded once. And pixels are pulled on the calling thread.
        api.vips_cache_set_max(0);
        api.vips_concurrency_set(1);
        return new Loaded(api, version);
    }

    private static void Block(VipsApi api, ReadOnlySpan<byte> className, bool blocked)
    {
        fixed (byte* name = className) api.vips_operation_block_set(name, blocked ? 1 : 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* domain, int level, byte* message, void* data)
    {
    }

    private sealed record Loaded(VipsApi Api, string Version);
}
