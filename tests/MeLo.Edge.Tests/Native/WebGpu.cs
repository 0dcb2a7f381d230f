using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Native;

/// <summary>
/// Sessions on a GPU, or on a software driver: Debian's chromium-common has one
/// (<c>VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json XDG_RUNTIME_DIR=/tmp</c>).
/// </summary>
internal static class WebGpu
{
    /// <summary>The collection of every class whose tests run there: one at a time, as two sessions at once have crashed the provider for others.</summary>
    public const string Collection = "WebGPU";

    private static readonly Lazy<string?> s_missing = new(Missing);

    /// <summary>Options whose session is refused when a node of its graph would run on the processor; skips the running test where there is no driver.</summary>
    public static OrtSessionOptions Options()
    {
        if (s_missing.Value is { } fault) Assert.Skip($"needs a WebGPU driver: {fault}");
        return new OrtSessionOptions().WithProvider("WebGPU").With("session.disable_cpu_ep_fallback", "1");
    }

    private static string? Missing()
    {
        try
        {
            using OrtSessionOptions options = new OrtSessionOptions().WithProvider("WebGPU");
            OrtSession.Create(HandMadeModel.Binary("Add"), options).Dispose();
            return null;
        }
        catch (OrtException e)
        {
            return e.Message;
        }
    }
}
