using MeLo.Edge.Bundles;

namespace MeLo.Edge.Service.Demo;

/// <summary>
/// What the demonstration's model is made of: a small base that <c>adapter-trainer</c> trained from nothing on synthetic phantoms, and an unsigned bundle for each
/// task. <c>tools/demo-assets.sh</c> makes them anew.
/// </summary>
internal static class DemoAssets
{
    /// <summary>The base's number of attention heads, which a checkpoint does not say.</summary>
    public const int Heads = 4;

    /// <summary>Writes the base's checkpoint.</summary>
    public static void WriteCheckpoint(string path)
    {
        using Stream source = Open("base.safetensors");
        using FileStream file = File.Create(path);
        source.CopyTo(file);
    }

    /// <summary>A task's bundle, unsigned.</summary>
    public static byte[] Bundle(string task)
    {
        using Stream source = Open(task + ".melo");
        byte[] bundle = new byte[source.Length];
        source.ReadExactly(bundle);
        return bundle;
    }

    /// <summary>A task's bundle with a signature.</summary>
    public static byte[] Bundle(string task, SigningKey key) => BundleWriter.Sign(Bundle(task), key, task + ".melo");

    private static Stream Open(string name) => typeof(DemoAssets).Assembly.GetManifestResourceStream("Demo." + name)
        ?? throw new InvalidOperationException($"the program was built without {name}");
}
