namespace MeLo.Edge.Service.Options;

/// <summary>The files that a heat map comes as.</summary>
[Flags]
internal enum HeatMapFiles
{
    /// <summary>None.</summary>
    Off = 0,

    /// <summary>A picture, <c>.heat.png</c>.</summary>
    Png = 1,

    /// <summary>For a DICOM image a Secondary Capture, <c>.heat.dcm</c>.</summary>
    Dicom = 2,

    /// <summary>Both.</summary>
    Both = Png | Dicom,
}
