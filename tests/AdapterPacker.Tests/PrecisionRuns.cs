using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

/// <summary>A bundle's logits by a graph of the base, run through the SDK: what the program's figures are compared with.</summary>
internal static class PrecisionRuns
{
    public static float[] Logits(string package, Precision precision, BundleContents bundle, float[] pixels)
    {
        using EdgeEngine engine = EdgeEngine.Load(package, new EdgeEngineOptions { Precision = precision });
        const int size = RandomVit.ImageSize;
        return engine.Evaluate(bundle.Adapter, pixels, [pixels.Length / (3 * size * size), 3, size, size], TestContext.Current.CancellationToken);
    }

    /// <summary>The largest difference over max(1, largest expected), written out once more.</summary>
    public static double Ratio(float[] expected, float[] found) =>
        expected.Zip(found, (a, b) => Math.Abs((double)a - b)).Max() / Math.Max(1, expected.Max(v => Math.Abs((double)v)));
}
