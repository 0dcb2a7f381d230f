using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Which values of a gray DICOM image become black and white, after its modality transform: what a model's training pictures were made with, and so part of a bundle. Immutable and
/// always valid.
/// </summary>
/// <remarks>Terms and formulas: PS3.3, C.11.2. An image that has no window where one is asked for is refused, not guessed at.</remarks>
public sealed record DicomVoi
{
    /// <summary>More characters than any explanation has (LO).</summary>
    private const int MaxNameLength = 64;

    private DicomVoi(DicomVoiKind kind) => Kind = kind;

    /// <summary>What the file says first: its table, or else its first window; a file of at most 8 bits a pixel that says nothing is taken as it is, any other from its lowest value to its highest.</summary>
    public static DicomVoi File { get; } = new(DicomVoiKind.File);

    /// <summary>From the image's lowest value to its highest.</summary>
    public static DicomVoi Range { get; } = new(DicomVoiKind.Range);

    /// <summary>Where the limits come from.</summary>
    public DicomVoiKind Kind { get; }

    /// <summary>The file's explanation of the window or table that is meant; null unless <see cref="Kind"/> is <see cref="DicomVoiKind.Named"/>.</summary>
    public string? Name { get; private init; }

    /// <summary>With <see cref="DicomVoiKind.Window"/> the window's centre, in the units behind the modality transform (Hounsfield units in CT).</summary>
    public double Center { get; private init; }

    /// <summary>With <see cref="DicomVoiKind.Window"/> the window's width.</summary>
    public double Width { get; private init; }

    /// <summary>With <see cref="DicomVoiKind.Window"/> its formula.</summary>
    public DicomVoiFunction Function { get; private init; }

    /// <summary>With <see cref="DicomVoiKind.Percentile"/> the share of pixels, in percent, that may be below black.</summary>
    public double Low { get; private init; }

    /// <summary>With <see cref="DicomVoiKind.Percentile"/> the share of pixels, in percent, that are not above white.</summary>
    public double High { get; private init; }

    /// <summary>The file's window or table of that explanation, <c>BONE</c>; letter case does not count.</summary>
    /// <exception cref="ImageException">The name is empty or too long.</exception>
    public static DicomVoi Named(string name) =>
        name.Length is > 0 and <= MaxNameLength && !name.Any(c => char.IsControl(c) || c == '\\')
            ? new(DicomVoiKind.Named) { Name = name }
            : throw Fault($"found a window's name of {name.Length} characters, expected 1 to {MaxNameLength} without backslashes");

    /// <summary>A window of its own, whatever the file says.</summary>
    /// <param name="center">Its centre.</param>
    /// <param name="width">Its width: at least 1 for <see cref="DicomVoiFunction.Linear"/>, above 0 for the others.</param>
    /// <param name="function">Its formula.</param>
    /// <exception cref="ImageException">There is no such window.</exception>
    public static DicomVoi Window(double center, double width, DicomVoiFunction function = DicomVoiFunction.Linear)
    {
        if (!double.IsFinite(center) || !double.IsFinite(width) || !IsWidth(width, function))
            throw Fault(string.Create(CultureInfo.InvariantCulture, $"found a window of centre {center} and width {width}, expected finite numbers and a width {WidthRule(function)}"));
        return new(DicomVoiKind.Window) { Center = center, Width = width, Function = function };
    }

    /// <summary>From one percentile of the image's values to another, by the nearest rank.</summary>
    /// <param name="low">Percent, from 0.</param>
    /// <param name="high">Percent, above <paramref name="low"/>, to 100.</param>
    /// <exception cref="ImageException">They are no such numbers.</exception>
    public static DicomVoi Percentile(double low, double high) =>
        low >= 0 && low < high && high <= 100
            ? new(DicomVoiKind.Percentile) { Low = low, High = high }
            : throw Fault(string.Create(CultureInfo.InvariantCulture, $"found the percentiles {low} and {high}, expected 0 to 100 in ascending order"));

    /// <summary>As command lines have it: <c>window:40,400,linear</c>.</summary>
    public override string ToString() => Kind switch
    {
        DicomVoiKind.Named => $"named:{Name}",
        DicomVoiKind.Percentile => string.Create(CultureInfo.InvariantCulture, $"percentile:{Low},{High}"),
        DicomVoiKind.Window => string.Create(CultureInfo.InvariantCulture, $"window:{Center},{Width},{(Function == DicomVoiFunction.LinearExact ? "linear-exact" : Function.ToString().ToLowerInvariant())}"),
        _ => Kind.ToString().ToLowerInvariant(),
    };

    internal static bool IsWidth(double width, DicomVoiFunction function) => function == DicomVoiFunction.Linear ? width >= 1 : width > 0;

    internal static string WidthRule(DicomVoiFunction function) => function == DicomVoiFunction.Linear ? "of 1 or more" : "above 0";

    private static ImageException Fault(string fault) => ImageException.Recipe([fault]);
}
