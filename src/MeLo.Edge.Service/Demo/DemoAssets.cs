using MeLo.Edge.Bundles;

namespace MeLo.Edge.Service.Demo;

/// <summary>
/// What the demonstration comes with: a small base that was pretrained on drawn pictures, and for each task an adapter that was trained on top of it, in an unsigned bundle.
/// <c>tools/demo-assets.sh</c> makes them.
/// </summary>
internal static class DemoAssets
{
    /// <summary>The base's attention heads, which a checkpoint does not say.</summary>
    public const int Heads = 4;

    /// <summary>Writes the base's checkpoint, F16 under timm's names.</summary>
    public static void WriteCheckpoint(string path) => File.WriteAllBytes(path, Read("base.safetensors"));

    /// <summary>A task's adapter, description and self-test.</summary>
    public static BundleContents Bundle(string task) => MeLo.Edge.Bundles.Bundle.OpenUnverified(Read($"{task}.melo"), task);

    private static byte[] Read(string name)
    {
        using Stream stream = typeof(DemoAssets).Assembly.GetManifestResourceStream($"demo/{name}")
            ?? throw new InvalidOperationException($"Found no demo/{name} in the program, expected it from Demo/Assets.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
