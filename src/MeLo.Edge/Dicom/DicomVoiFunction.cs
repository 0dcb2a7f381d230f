namespace MeLo.Edge.Dicom;

/// <summary>A window's formula (PS3.3, C.11.2.1.2 and C.11.2.1.3).</summary>
public enum DicomVoiFunction
{
    /// <summary><c>LINEAR</c>: the window has whole numbers from centre - width/2 to centre - 1 + width/2.</summary>
    Linear,

    /// <summary><c>LINEAR_EXACT</c>: from centre - width/2 to centre + width/2.</summary>
    LinearExact,

    /// <summary><c>SIGMOID</c>: 1 / (1 + exp(-4 (x - centre) / width)).</summary>
    Sigmoid,
}
