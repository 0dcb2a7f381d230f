using System.Globalization;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>Compares a probe's logits with the expected ones.</summary>
internal static class ProbeComparison
{
    /// <summary>The largest difference over max(1, largest |expected|).</summary>
    /// <exception cref="EngineException">It is beyond the bundle's tolerance for the precision, or not a number.</exception>
    public static double Check(AdapterDescription description, Precision precision, ReadOnlySpan<float> found, ReadOnlySpan<float> expected)
    {
        double tolerance = description.Tolerance.Of(precision) ?? throw EngineException.Bundle(EngineFault.Incompatible, description.Task, description.Release,
            $"found no tolerance for {precision.Name()}, expected one: its maker did not measure it in that precision, so it must not run in it; packed again on a base with that graph it has one, and with --precision fp32 it runs in fp32 beside the others");
        double difference = Difference(found, expected);
        // Written so that NaN fails.
        if (difference <= tolerance) return difference;
        throw EngineException.Bundle(EngineFault.ProbeFailed, description.Task, description.Release, string.Create(CultureInfo.InvariantCulture,
            $"the probe's logits differ from the expected ones by {difference:G3}, expected at most {tolerance:G3} in {precision.Name()}"));
    }

    private static double Difference(ReadOnlySpan<float> found, ReadOnlySpan<float> expected)
    {
        if (found.Length != expected.Length) return double.PositiveInfinity;
        double largest = 1, difference = 0;
        for (int i = 0; i < found.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(expected[i]));
            difference = Math.Max(difference, Math.Abs((double)found[i] - expected[i])); // Math.Max keeps NaN
        }
        return difference / largest;
    }
}
