namespace MeLo.Edge.Native.Vips;

#pragma warning disable CA1712 // C names are kept, as far as they are members

/// <summary>image.h, <c>VipsBandFormat</c>: how a sample is stored.</summary>
internal enum VipsBandFormat
{
    UChar = 0,
    Char = 1,
    UShort = 2,
    Short = 3,
    UInt = 4,
    Int = 5,
    Float = 6,
    Complex = 7,
    Double = 8,
    DpComplex = 9,
}

/// <summary>image.h, <c>VipsInterpretation</c>: what the bands stand for; those that the four loaders produce.</summary>
internal enum VipsInterpretation
{
    MultiBand = 0,
    BlackWhite = 1,
    Xyz = 12,
    Lab = 13,
    Cmyk = 15,
    LabQ = 16,
    Rgb = 17,
    LabS = 21,
    SRgb = 22,
    Rgb16 = 25,
    Grey16 = 26,
    ScRgb = 28,
}

/// <summary>image.h, <c>VipsCoding</c>: whether pixels are plain samples.</summary>
internal enum VipsCoding
{
    None = 0,
    LabQ = 2,
    Rad = 6,
}

/// <summary>foreign.h, <c>VipsFailOn</c>: which faults of a file end its decoding; those that are asked for here.</summary>
internal enum VipsFailOn
{
    Error,
    Warning,
}
