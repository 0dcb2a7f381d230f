namespace MeLo.Edge.Dicom;

/// <summary>How a data set and its pixels are encoded (PS3.5, section 10 and annex A).</summary>
internal static class TransferSyntax
{
    public const string ImplicitLittleEndian = "1.2.840.10008.1.2";
    public const string ExplicitLittleEndian = "1.2.840.10008.1.2.1";
    public const string DeflatedLittleEndian = "1.2.840.10008.1.2.1.99";
    public const string ExplicitBigEndian = "1.2.840.10008.1.2.2";
    public const string RunLength = "1.2.840.10008.1.2.5";
    public const string DeflatedFrames = "1.2.840.10008.1.2.8.1";
    public const string JpegBaseline = "1.2.840.10008.1.2.4.50";
    public const string JpegExtended = "1.2.840.10008.1.2.4.51";

    /// <summary>The pixels are as they are, in one run of bytes.</summary>
    public static bool IsNative(string uid) => uid is ImplicitLittleEndian or ExplicitLittleEndian or DeflatedLittleEndian or ExplicitBigEndian;

    /// <summary>JPEG 2000 in any form.</summary>
    public static bool IsJpeg2000(string uid) => Name(uid).Contains("JPEG 2000", StringComparison.Ordinal);

    /// <summary>What people call it.</summary>
    public static string Name(string uid) => uid switch
    {
        ImplicitLittleEndian => "Implicit VR Little Endian",
        ExplicitLittleEndian => "Explicit VR Little Endian",
        DeflatedLittleEndian => "Deflated Explicit VR Little Endian",
        ExplicitBigEndian => "Explicit VR Big Endian",
        RunLength => "RLE Lossless",
        DeflatedFrames => "Deflated Image Frame Compression",
        JpegBaseline => "JPEG Baseline",
        JpegExtended => "JPEG Extended",
        "1.2.840.10008.1.2.4.57" or "1.2.840.10008.1.2.4.70" => "JPEG Lossless",
        "1.2.840.10008.1.2.4.80" => "JPEG-LS Lossless",
        "1.2.840.10008.1.2.4.81" => "JPEG-LS Near-Lossless",
        "1.2.840.10008.1.2.4.90" => "JPEG 2000 Lossless",
        "1.2.840.10008.1.2.4.91" => "JPEG 2000",
        "1.2.840.10008.1.2.4.201" or "1.2.840.10008.1.2.4.202" or "1.2.840.10008.1.2.4.203" => "High-Throughput JPEG 2000",
        _ => "another transfer syntax",
    };
}
