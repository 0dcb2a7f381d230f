using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Tools;

/// <summary>Proves a bundle before it gets its name: what a device will do with it, done once here.</summary>
internal static class PackedBundle
{
    /// <summary>Opens the bytes, verifies the signature if there is one, and runs the probe.</summary>
    /// <returns>The probe's largest difference over max(1, largest expected logit).</returns>
    public static double Prove(byte[] bundle, string source, EdgeEngine engine, SigningKey? key, CancellationToken cancellation)
    {
        if (key is not null) return engine.Install(Bundle.Open(bundle, TrustStore.FromKey(key), source)).ProbeDifference;
        BundleContents contents = Bundle.OpenUnverified(bundle, source);
        float[] logits = engine.Evaluate(contents.Adapter, contents.Probe.PixelValues, contents.Probe.PixelShape, cancellation);
        double ratio = LogitComparison.Of(logits, contents.Probe.Logits, contents.Probe.Classes).Ratio;
        return ratio <= contents.Description.Tolerance.Fp32
            ? ratio
            : throw RefusedException.File(source, $"the probe's logits differ by {ratio:G3} when run again, expected at most {contents.Description.Tolerance.Fp32:G3}");
    }
}
