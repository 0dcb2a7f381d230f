namespace MeLo.Edge.Dicom;

/// <summary>What samples stand for (PS3.3, C.7.6.3.1.2).</summary>
internal enum Photometric
{
    /// <summary>Gray; the lowest value is white.</summary>
    Monochrome1,

    /// <summary>Gray; the lowest value is black.</summary>
    Monochrome2,

    /// <summary>Indices into a palette.</summary>
    PaletteColor,

    /// <summary>Red, green, blue.</summary>
    Rgb,

    /// <summary>Luminance and two chrominances, of full range.</summary>
    YbrFull,

    /// <summary>The same, with the chrominances of two pixels in a row stored once.</summary>
    YbrFull422,
}
