namespace MeLo.Edge.Imaging;

/// <summary>The formats of pictures and volumes that can be read, told apart by their first bytes.</summary>
public enum ImageFormat
{
    /// <summary>No file: pixels that a program supplied.</summary>
    None,

    /// <summary>PNG (ISO/IEC 15948), 1 to 16 bits a sample.</summary>
    Png,

    /// <summary>JPEG (ITU-T T.81), 8 bits a sample: baseline, extended, progressive, arithmetic.</summary>
    Jpeg,

    /// <summary>TIFF 6.0 and BigTIFF, first page.</summary>
    Tiff,

    /// <summary>WebP, lossy and lossless, first frame.</summary>
    WebP,

    /// <summary>Windows and OS/2 bitmaps.</summary>
    Bmp,

    /// <summary>DICOM (PS3.10), one frame.</summary>
    Dicom,

    /// <summary>The slices of a DICOM series, in a ZIP file.</summary>
    DicomSeries,

    /// <summary>NIfTI-1, one file, perhaps compressed with gzip.</summary>
    Nifti,

    /// <summary>An array of NumPy.</summary>
    Npy,
}
