using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>How the pixels of an image are stored (PS3.3, C.7.6.3; PS3.5, section 8.1), checked.</summary>
internal sealed record PixelDescription
{
    // An hour of ultrasound; a whole-body scan has a tenth of it.
    private const int MaxFrames = 100_000;

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Frames { get; init; }

    /// <summary>1 or 3.</summary>
    public required int Samples { get; init; }

    public required Photometric Photometric { get; init; }

    /// <summary>1, 8, 16 or 32.</summary>
    public required int BitsAllocated { get; init; }

    public required int BitsStored { get; init; }

    /// <summary>The bits below the stored ones.</summary>
    public required int Shift { get; init; }

    public required bool IsSigned { get; init; }

    /// <summary>The samples come colour by colour, not pixel by pixel.</summary>
    public required bool IsPlanar { get; init; }

    /// <summary>The lowest value that a sample can have.</summary>
    public long Lowest => IsSigned ? -(1L << (BitsStored - 1)) : 0;

    /// <summary>The highest value that a sample can have.</summary>
    public long Highest => Lowest + (1L << BitsStored) - 1;

    /// <summary>The value of a sample as it is allocated: the bits stored, extended by the highest of them, wherever in the word it lies, if they are signed.</summary>
    public long Value(uint allocated)
    {
        uint bits = (allocated >> Shift) & (uint)((1UL << BitsStored) - 1);
        return IsSigned && (bits >> (BitsStored - 1)) != 0 ? bits - (1L << BitsStored) : bits;
    }

    /// <summary>The samples of a frame.</summary>
    public int FrameLength => Width * Height * Samples;

    /// <summary>The bytes of a sample; 1 for single bits too, once they are unpacked.</summary>
    public int SampleBytes => Math.Max(1, BitsAllocated / 8);

    /// <exception cref="ImageException">It is no image, one that makes no sense, or one over a limit.</exception>
    public static PixelDescription Of(DicomDataSet set, DecodeLimits limits)
    {
        if (set.Find(DicomTag.PixelData) is null)
        {
            throw Broken(set.Contains(DicomTag.FloatPixelData) || set.Contains(DicomTag.DoubleFloatPixelData)
                ? "found pixels that are floating-point numbers, expected whole ones"
                : "found no pixel data, expected an image");
        }
        int height = Required(set, DicomTag.Rows, "rows"), width = Required(set, DicomTag.Columns, "columns");
        limits.CheckDimensions(ImageFormat.Dicom, width, height);
        double frames = set.Numbers(DicomTag.NumberOfFrames) is [double number, ..] ? number : 1;
        if (frames < 1 || frames != Math.Floor(frames)) throw Broken($"found {frames} frames, expected 1 or more");
        if (frames > MaxFrames) throw ImageException.OverLimit("DICOM frames", (long)Math.Min(frames, long.MaxValue), MaxFrames);

        string text = set.FirstText(DicomTag.PhotometricInterpretation) ?? throw Broken("found no photometric interpretation, expected one");
        Photometric photometric = text switch
        {
            "MONOCHROME1" => Photometric.Monochrome1,
            "MONOCHROME2" => Photometric.Monochrome2,
            "PALETTE COLOR" => Photometric.PaletteColor,
            // What decoders of JPEG 2000 give for its two transforms.
            "RGB" or "YBR_ICT" or "YBR_RCT" => Photometric.Rgb,
            "YBR_FULL" => Photometric.YbrFull,
            "YBR_FULL_422" => Photometric.YbrFull422,
            _ => throw Broken("found a photometric interpretation that is not read, expected MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB, YBR_FULL, YBR_FULL_422, YBR_ICT or YBR_RCT"),
        };
        int expected = photometric < Photometric.Rgb ? 1 : 3, samples = Required(set, DicomTag.SamplesPerPixel, "samples");
        if (samples != expected) throw Broken($"found {samples} samples a pixel for {text}, expected {expected}");

        int allocated = Required(set, DicomTag.BitsAllocated, "bits allocated"), stored = Required(set, DicomTag.BitsStored, "bits stored"), high = Required(set, DicomTag.HighBit, "the high bit"), sign = Required(set, DicomTag.PixelRepresentation, "the pixel representation");
        if (allocated is not (1 or 8 or 16 or 32)) throw Broken($"found {allocated} bits allocated, expected 1, 8, 16 or 32");
        if (stored < 1 || stored > allocated || high < stored - 1 || high >= allocated)
            throw Broken($"found {stored} bits stored up to bit {high}, expected 1 to {allocated} of them within the {allocated} that are allocated");
        if (sign > 1) throw Broken($"found a pixel representation of {sign}, expected 0 or 1");
        if (allocated == 1 && samples > 1) throw Broken("found single bits of several colours, expected at least 8 bits");
        return new PixelDescription
        {
            Width = width,
            Height = height,
            Frames = (int)frames,
            Samples = samples,
            Photometric = photometric,
            BitsAllocated = allocated,
            BitsStored = stored,
            Shift = high + 1 - stored,
            IsSigned = sign == 1,
            IsPlanar = samples > 1 && set.Word(DicomTag.PlanarConfiguration) is 1,
        };
    }

    private static int Required(DicomDataSet set, DicomTag tag, string name) => set.Word(tag) ?? throw Broken($"found no {name} {tag}, expected a number");

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
