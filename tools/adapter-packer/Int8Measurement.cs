using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace AdapterPacker;

/// <summary>What int8 does to a task, measured where it is packed: the tolerance that devices enforce, or why they must not run it in int8.</summary>
/// <param name="Probe">The probe's int8 logits against its fp32 ones.</param>
/// <param name="Set">The reference set's, where there is one.</param>
internal sealed record Int8Measurement(LogitComparison Probe, LogitComparison? Set)
{
    // Another CPU multiplies bytes to the same sums, but what it makes bytes of differs a little: its int8 error is another draw of the same size.
    // Twice what was seen here leaves room for that. A small difference may have been luck: of three kinds of attention on ViT-Ti, one
    // showed 0.015 where another showed 0.042 (docs/decisions/0008-int8.md).
    private const double Margin = 2, SmallestTolerance = 0.06;

    // More than this and the probe could not tell a damaged model from a sound one (docs/bundle-format.md).
    private const double LargestRatio = 0.15;

    // The share of a reference set whose top-1 class int8 must keep.
    private const double LeastAgreement = 0.99;

    /// <summary>Measures on the base's int8 graph.</summary>
    /// <param name="fp32">The engine to compare with.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="probe">What the bundle will hold.</param>
    /// <param name="referencePath">Further inputs, or null.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Null when the base has no such graph.</returns>
    /// <exception cref="RefusedException">That is so, and <paramref name="referencePath"/> asks for a measurement.</exception>
    public static Int8Measurement? Of(
        EdgeEngine fp32, LoraAdapter adapter, Probe probe, string? referencePath, CancellationToken cancellation)
    {
        if (!fp32.Base.Precisions.Contains(Precision.Int8))
        {
            return referencePath is null
                ? null
                : throw RefusedException.File(fp32.Base.Folder, "found no int8 graph, expected one to measure --reference with");
        }
        using EdgeEngine int8 = EdgeEngine.Load(fp32.Base.Folder, new EdgeEngineOptions { Precision = Precision.Int8 });
        LogitComparison onProbe = LogitComparison.Of(int8.Evaluate(adapter, probe.PixelValues, probe.PixelShape, cancellation), probe.Logits, probe.Classes);
        if (referencePath is null) return new Int8Measurement(onProbe, null);
        (float[] pixels, long[] shape) = ReferenceLogits.ReadPixels(referencePath);
        float[] expected = fp32.Evaluate(adapter, pixels, shape, cancellation), found = int8.Evaluate(adapter, pixels, shape, cancellation);
        return new Int8Measurement(onProbe, LogitComparison.Of(found, expected, probe.Classes));
    }

    /// <summary>What the probe may differ by on a device, null where int8 is not to be used.</summary>
    public double? Tolerance =>
        Damage is null ? Math.Clamp(Margin * Math.Max(Probe.Ratio, Set?.Ratio ?? 0), SmallestTolerance, LargestRatio) : null;

    /// <summary>Why the task must not run in int8, or null.</summary>
    public string? Damage
    {
        get
        {
            if (!(Margin * Probe.Ratio <= LargestRatio))
                return string.Create(CultureInfo.InvariantCulture, $"the probe's logits differ by {Probe.Ratio:G3} of max(1, largest), expected at most {LargestRatio / Margin:G3}");
            if (Set is { } set && set.Agreeing < LeastAgreement * set.Inputs)
                return $"{set.Agreeing} of {set.Inputs} reference inputs keep their top-1 class, expected at least {LeastAgreement.ToString("P0", CultureInfo.InvariantCulture)}";
            return null;
        }
    }

    public override string ToString()
    {
        string set = Set is { } s
            ? string.Create(CultureInfo.InvariantCulture, $"reference set: difference {s.Ratio:G3}, smallest cosine {s.SmallestCosine:F6}, top-1 {s.Agreeing} of {s.Inputs}")
            : "no reference set";
        return string.Create(CultureInfo.InvariantCulture, $"int8: probe differs by {Probe.Ratio:G3}, tolerance {(Tolerance is { } t ? t.ToString("G3", CultureInfo.InvariantCulture) : "none")}; {set}");
    }
}
