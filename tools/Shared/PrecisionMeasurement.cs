using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tools;

/// <summary>What a precision other than fp32 does to a task, measured where it is packed: the tolerance that devices enforce, or why they must not run it so.</summary>
/// <param name="Precision">The precision.</param>
/// <param name="Probe">The probe's logits in it against its fp32 ones.</param>
/// <param name="Set">The reference set's, where there is one.</param>
internal sealed record PrecisionMeasurement(Precision Precision, LogitComparison Probe, LogitComparison? Set)
{
    // More than this and the probe could not tell a damaged model from a sound one (docs/bundle-format.md).
    private const double LargestRatio = 0.15;

    // The share of a reference set whose top-1 class a precision must keep.
    private const double LeastAgreement = 0.99;

    // A device's difference is not the one that is seen here, and what is seen may have been luck: so many times as much is allowed, and never less than that.
    private (double Margin, double SmallestTolerance) Allowance => Precision switch
    {
        // Another CPU multiplies bytes to the same sums, but what it makes bytes of differs a little: its error is another draw of the same size.
        // Of three kinds of attention on ViT-Ti, one showed 0.015 where another showed 0.042 (docs/decisions/0008-int8.md).
        Precision.Int8 => (2, 0.06),
        // A GPU rounds where the CPU that measures does not. One that adds up in binary16 shows up to 13 times as much with ViT-Ti, 0.018, and
        // with ViT-B, whose sums are longer, twice that (docs/decisions/0010-fp16.md).
        Precision.Fp16 => (20, 0.05),
        _ => throw new InvalidOperationException($"{Precision.Name()} is what is compared with."),
    };

    /// <summary>Measures every precision that the base has a graph for, fp32 aside.</summary>
    /// <param name="fp32">The engine to compare with.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="probe">What the bundle will hold.</param>
    /// <param name="reference">Further inputs, [n, 3, h, w] with their dimensions; or null.</param>
    /// <param name="cancellation">Stops it.</param>
    public static IReadOnlyList<PrecisionMeasurement> Of(EdgeEngine fp32, LoraAdapter adapter, Probe probe, (float[] Pixels, long[] Shape)? reference, CancellationToken cancellation)
    {
        Precision[] others = [.. fp32.Base.Precisions.Where(p => p != Precision.Fp32)];
        if (others.Length == 0) return [];
        if (reference is not var (pixels, shape)) return [.. others.Select(precision => Measure(precision, null, [], []))];
        float[] expected = fp32.Evaluate(adapter, pixels, shape, cancellation);
        return [.. others.Select(precision => Measure(precision, pixels, shape, expected))];

        PrecisionMeasurement Measure(Precision precision, float[]? pixels, long[] shape, float[] expected)
        {
            using EdgeEngine engine = EdgeEngine.Load(fp32.Base.Folder, new EdgeEngineOptions { Precision = precision });
            LogitComparison onProbe = LogitComparison.Of(engine.Evaluate(adapter, probe.PixelValues, probe.PixelShape, cancellation), probe.Logits, probe.Classes);
            LogitComparison? onSet = pixels is null ? null : LogitComparison.Of(engine.Evaluate(adapter, pixels, shape, cancellation), expected, probe.Classes);
            return new PrecisionMeasurement(precision, onProbe, onSet);
        }
    }

    /// <summary>What the probe may differ by on a device, null where the precision is not to be used.</summary>
    public double? Tolerance
    {
        get
        {
            (double margin, double smallest) = Allowance;
            return Damage is null ? Math.Clamp(margin * Math.Max(Probe.Ratio, Set?.Ratio ?? 0), smallest, LargestRatio) : null;
        }
    }

    /// <summary>Why the task must not run in the precision, or null.</summary>
    public string? Damage
    {
        get
        {
            double margin = Allowance.Margin;
            if (!(margin * Probe.Ratio <= LargestRatio))
                return string.Create(CultureInfo.InvariantCulture, $"the probe's logits differ by {Probe.Ratio:G3} of max(1, largest), expected at most {LargestRatio / margin:G3}");
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
        string tolerance = Tolerance is { } t ? t.ToString("G3", CultureInfo.InvariantCulture) : "none";
        return string.Create(CultureInfo.InvariantCulture, $"{Precision.Name()}: probe differs by {Probe.Ratio:G3}, tolerance {tolerance}; {set}");
    }
}
