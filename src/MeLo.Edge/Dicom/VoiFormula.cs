namespace MeLo.Edge.Dicom;

/// <summary>The formulas from values to light, 0 for black to 1 for white (PS3.3, C.11.2.1.2 and C.11.2.1.3).</summary>
internal static class VoiFormula
{
    public static Func<double, double> Window(double center, double width, DicomVoiFunction function) => function switch
    {
        DicomVoiFunction.Linear when width == 1 => value => value <= center - 0.5 ? 0 : 1,
        DicomVoiFunction.Linear => value => Math.Clamp(((value - (center - 0.5)) / (width - 1)) + 0.5, 0, 1),
        DicomVoiFunction.LinearExact => value => Math.Clamp(((value - center) / width) + 0.5, 0, 1),
        _ => value => 1 / (1 + Math.Exp(-4 * (value - center) / width)),
    };

    /// <summary>From a value that is black to one that is white; an image of one value is black.</summary>
    public static Func<double, double> Between(double low, double high) =>
        low == high ? value => value > high ? 1 : 0 : value => Math.Clamp((value - Math.Min(low, high)) / Math.Abs(high - low), 0, 1);
}
