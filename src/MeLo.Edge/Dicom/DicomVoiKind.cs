namespace MeLo.Edge.Dicom;

/// <summary>Where a <see cref="DicomVoi"/> has its limits from.</summary>
public enum DicomVoiKind
{
    /// <summary>The file's first table or window.</summary>
    File,

    /// <summary>The file's table or window of a name.</summary>
    Named,

    /// <summary>The image's lowest and highest value.</summary>
    Range,

    /// <summary>Two percentiles of the image's values.</summary>
    Percentile,

    /// <summary>The bundle.</summary>
    Window,
}
