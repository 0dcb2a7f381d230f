using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// From a stored value to light: the modality transform, then the values of interest, then the inversion, which is last and happens once however many elements ask for it
/// (PS3.3, C.11.1, C.11.2, C.11.6.1.2 and C.7.6.3.1.2). What pads the image beyond its edges has no value.
/// </summary>
internal sealed class GrayTransform
{
    private const string XRayAngiography = "1.2.840.10008.5.1.4.1.1.12.1", XRayFluoroscopy = "1.2.840.10008.5.1.4.1.1.12.2";

    private readonly LookupTable? _modality;
    private readonly double _slope = 1, _intercept;
    private readonly (long From, long To)? _padding;
    private readonly DicomVoi _voi;
    private readonly DicomDataSet _voiSet;
    private readonly bool _isInverted, _mayBeNegative;
    private readonly PixelDescription _pixels;

    /// <param name="set">The file.</param>
    /// <param name="frame">The frame's functional groups; null where it has none of its own.</param>
    /// <param name="pixels">How its pixels are stored.</param>
    /// <param name="voi">What becomes black and white.</param>
    /// <exception cref="ImageException">What the file says makes no sense.</exception>
    public GrayTransform(DicomDataSet set, DicomDataSet? frame, PixelDescription pixels, DicomVoi voi)
    {
        _pixels = pixels;
        _voi = voi;
        _voiSet = FunctionalGroup(set, frame, DicomTag.FrameVoiLutSequence);
        _isInverted = pixels.Photometric == Photometric.Monochrome1 || set.FirstText(DicomTag.PresentationLutShape) == "INVERSE";
        _padding = Padding(set, pixels);
        DicomDataSet modality = FunctionalGroup(set, frame, DicomTag.PixelValueTransformationSequence);
        // That of X-ray angiography leads back to the intensity at the detector, and is not for display (PS3.3, C.8.7.1.1.2).
        if (set.FirstText(DicomTag.SopClassUid) is not (XRayAngiography or XRayFluoroscopy) && modality.Item(DicomTag.ModalityLutSequence) is { } table)
        {
            _modality = LookupTable.Read(table, DicomTag.LutDescriptor, DicomTag.LutData, pixels.IsSigned);
        }
        else
        {
            _slope = modality.Numbers(DicomTag.RescaleSlope) is [double slope, ..] ? slope : 1;
            _intercept = modality.Numbers(DicomTag.RescaleIntercept) is [double intercept, ..] ? intercept : 0;
            if (_slope == 0) throw Broken("found a rescale slope of 0, expected another");
        }
        // Products and differences of such numbers are finite.
        if (Math.Max(Math.Abs(Modality(pixels.Lowest)), Math.Abs(Modality(pixels.Highest))) > float.MaxValue) throw Broken("found a rescale that leads beyond the numbers of binary32, expected less");
        _mayBeNegative = _modality is null && (pixels.IsSigned || _intercept < 0 || _slope < 0);
    }

    /// <summary>Whether a stored value only pads the image.</summary>
    public bool IsPadding(long stored) => _padding is { } padding && stored >= padding.From && stored <= padding.To;

    /// <summary>A stored value behind the modality transform, such as Hounsfield units.</summary>
    public double Modality(long stored) => _modality is { } table ? table[stored] : (stored * _slope) + _intercept;

    /// <summary>A stored value behind the modality transform as binary32; NaN where it only pads the image.</summary>
    public float Value(long stored) => IsPadding(stored) ? float.NaN : (float)Modality(stored);

    /// <summary>The percentiles, 0 to 100, of the image's values that <see cref="Light"/> has to know; null where it needs none.</summary>
    public (double Low, double High)? Percentiles => _voi.Kind switch
    {
        DicomVoiKind.Percentile => (_voi.Low, _voi.High),
        DicomVoiKind.Range => (0, 100),
        DicomVoiKind.File when !HasVoi && _pixels.BitsStored > 8 => (0, 100),
        _ => null,
    };

    private bool HasVoi => _voiSet.Contains(DicomTag.VoiLutSequence) || _voiSet.Contains(DicomTag.WindowCenter);

    /// <summary>What a value behind the modality transform is as light, 0 for black to 1 for white.</summary>
    /// <param name="black">The image's value of the lower of <see cref="Percentiles"/>, by the nearest rank and without the padding; any where there are none.</param>
    /// <param name="white">The value of the higher.</param>
    /// <exception cref="ImageException">The file has no such window, or one that makes no sense.</exception>
    public Func<double, double> Light(double black, double white)
    {
        Func<double, double> light = _voi.Kind switch
        {
            DicomVoiKind.Window => VoiFormula.Window(_voi.Center, _voi.Width, _voi.Function),
            DicomVoiKind.Named => OfFile(_voi.Name),
            DicomVoiKind.File when HasVoi => OfFile(name: null),
            DicomVoiKind.File when _pixels.BitsStored <= 8 => VoiFormula.Between(Modality(_pixels.Lowest), Modality(_pixels.Highest)),
            _ => VoiFormula.Between(black, white),
        };
        return _isInverted ? value => 1 - light(value) : light;
    }

    private Func<double, double> OfFile(string? name)
    {
        if (_voiSet.Items(DicomTag.VoiLutSequence).FirstOrDefault(t => name is null || IsNamed(t.FirstText(DicomTag.LutExplanation), name)) is { } found)
        {
            LookupTable table = LookupTable.Read(found, DicomTag.LutDescriptor, DicomTag.LutData, _mayBeNegative);
            double white = (1 << table.Bits) - 1;
            return value => table[value] / white;
        }
        double[] centers = _voiSet.Numbers(DicomTag.WindowCenter), widths = _voiSet.Numbers(DicomTag.WindowWidth);
        int index = 0;
        if (name is not null)
        {
            string[] names = _voiSet.Text(DicomTag.WindowExplanation)?.Split('\\') ?? [];
            index = Array.FindIndex(names, n => IsNamed(n, name));
            if (index < 0) throw Broken("found no window of the name that the bundle asks for, expected one");
        }
        if (index >= centers.Length || index >= widths.Length) throw Broken($"found {centers.Length} window centres and {widths.Length} widths, expected at least {index + 1} of each");
        DicomVoiFunction function = _voiSet.FirstText(DicomTag.VoiLutFunction) switch
        {
            null or "LINEAR" => DicomVoiFunction.Linear,
            "LINEAR_EXACT" => DicomVoiFunction.LinearExact,
            "SIGMOID" => DicomVoiFunction.Sigmoid,
            _ => throw Broken("found a VOI LUT function that is not read, expected LINEAR, LINEAR_EXACT or SIGMOID"),
        };
        if (!DicomVoi.IsWidth(widths[index], function))
            throw Broken(string.Create(CultureInfo.InvariantCulture, $"found a window of width {widths[index]}, expected one {DicomVoi.WidthRule(function)}"));
        return VoiFormula.Window(centers[index], widths[index], function);
    }

    /// <summary>A macro of a frame's own, or that of all frames, or else the file's top level, where images without functional groups have it.</summary>
    internal static DicomDataSet FunctionalGroup(DicomDataSet set, DicomDataSet? frame, DicomTag macro) =>
        frame?.Item(macro) ?? set.Item(DicomTag.SharedFunctionalGroups)?.Item(macro) ?? set;

    private static (long, long)? Padding(DicomDataSet set, PixelDescription pixels)
    {
        if (set.Word(DicomTag.PixelPaddingValue) is not { } word) return null;
        long value = Signed(word), limit = set.Word(DicomTag.PixelPaddingRangeLimit) is { } other ? Signed(other) : value;
        return (Math.Min(value, limit), Math.Max(value, limit));

        long Signed(ushort bits) => pixels.IsSigned ? (short)bits : bits;
    }

    private static bool IsNamed(string? text, string name) => string.Equals(text?.Trim(), name, StringComparison.OrdinalIgnoreCase);

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
