using MeLo.Edge.Bundles;

namespace MeLo.Edge.Service.Demo;

/// <summary>Makes bundles of the trained adapters that the demonstration comes with.</summary>
internal static class DemoBundles
{
    /// <summary>A whole bundle; unsigned without a key.</summary>
    public static byte[] Make(DemoTask task, int release, SigningKey? key, DateTimeOffset created)
    {
        BundleContents trained = DemoAssets.Bundle(task.Name);
        return BundleWriter.Write(trained.Description with { Release = release, Title = task.Title, Created = created }, trained.Adapter, trained.Probe, preview: null, key);
    }

    /// <summary>The same bundle with one byte changed after it was signed.</summary>
    public static byte[] Tampered(byte[] bundle)
    {
        byte[] changed = [.. bundle];
        changed[bundle.Length / 2] ^= 0x01;
        return changed;
    }
}
