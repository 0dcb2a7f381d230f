namespace MeLo.Edge.Imaging;

/// <summary>The raster file formats that can be read, told apart by their first bytes.</summary>
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
}
