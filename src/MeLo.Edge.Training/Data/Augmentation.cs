using System.Globalization;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// How prepared pictures are varied: one affine transform of the plane, resampled once with bilinear weights, the border's samples going on outside; and one curve over the samples. Each reading draws
/// its own; all slices of a volume have the same. The ranges are uniform.
/// </summary>
internal sealed record Augmentation
{
    /// <summary>Nothing is varied.</summary>
    public static Augmentation None { get; } = new();

    /// <summary>What hardly ever changes a diagnosis: mirrored left and right, turned by up to 10°, cut to 80 % of the area at least, a tenth brighter or darker, with a fifth more or less contrast.</summary>
    public static Augmentation Default { get; } = new() { FlipHorizontal = true, MaxRotationDegrees = 10, MinCrop = 0.8, Brightness = 0.1, Contrast = 0.2, Gamma = 0.1 };

    /// <summary>Whether half of the readings are mirrored left and right.</summary>
    public bool FlipHorizontal { get; init; }

    /// <summary>Whether half of the readings are mirrored up and down: for pictures without an up, such as smears.</summary>
    public bool FlipVertical { get; init; }

    /// <summary>The largest turn to either side, in degrees, 0 to 180.</summary>
    public double MaxRotationDegrees { get; init; }

    /// <summary>The smallest share of the area that is cut out and enlarged to the whole, above 0 to 1, which is none. Where it is cut is random.</summary>
    public double MinCrop { get; init; } = 1;

    /// <summary>The most that is added to or taken from samples where white is 1, from 0 to 1.</summary>
    public double Brightness { get; init; }

    /// <summary>The largest relative change of the distance to middle gray, 0 to below 1.</summary>
    public double Contrast { get; init; }

    /// <summary>Samples are raised to a power between 1/(1 + this) and 1 + this; from 0.</summary>
    public double Gamma { get; init; }

    /// <summary>Whether nothing is varied.</summary>
    public bool IsNone => this == None;

    /// <summary>Every fault, in words; empty when there is none.</summary>
    public IEnumerable<string> Faults()
    {
        if (!(MaxRotationDegrees is >= 0 and <= 180)) yield return $"largest rotation: found {Text(MaxRotationDegrees)}, expected 0 to 180 degrees";
        if (!(MinCrop is > 0 and <= 1)) yield return $"smallest crop: found {Text(MinCrop)}, expected more than 0 to 1";
        if (!(Brightness is >= 0 and <= 1)) yield return $"brightness: found {Text(Brightness)}, expected 0 to 1";
        if (!(Contrast is >= 0 and < 1)) yield return $"contrast: found {Text(Contrast)}, expected 0 to less than 1";
        if (!(Gamma >= 0 && double.IsFinite(Gamma))) yield return $"gamma: found {Text(Gamma)}, expected 0 or more";
    }

    /// <summary>In words, as a report has it; equal ones give equal texts.</summary>
    public override string ToString()
    {
        List<string> parts = [];
        if (FlipHorizontal) parts.Add("flip horizontal");
        if (FlipVertical) parts.Add("flip vertical");
        if (MaxRotationDegrees > 0) parts.Add($"rotate up to {Text(MaxRotationDegrees)} degrees");
        if (MinCrop < 1) parts.Add($"crop to {Text(MinCrop)} of the area");
        if (Brightness > 0) parts.Add($"brightness {Text(Brightness)}");
        if (Contrast > 0) parts.Add($"contrast {Text(Contrast)}");
        if (Gamma > 0) parts.Add($"gamma {Text(Gamma)}");
        return parts.Count > 0 ? string.Join(", ", parts) : "none";
    }

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
