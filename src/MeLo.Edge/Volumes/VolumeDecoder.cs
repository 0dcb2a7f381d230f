using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Decodes volumes, told apart by their first bytes. Details and exceptions: docs/volumes.md.</summary>
internal static class VolumeDecoder
{
    /// <summary>Decodes a volume that is in memory.</summary>
    /// <param name="file">DICOM of several frames, the slices of a DICOM series in a ZIP file, NIfTI-1, or an array of NumPy.</param>
    /// <param name="voi">Which values become black and white; null takes no DICOM, and of other files those of bytes alone, as they are.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="ImageException">It is none of these, broken, or over a limit.</exception>
    public static Volume Decode(ReadOnlyMemory<byte> file, DicomVoi? voi, DecodeLimits limits)
    {
        limits.CheckFile(file.Length);
        ReadOnlySpan<byte> bytes = file.Span;
        if (NpyHeader.IsOne(bytes)) return NpyVolume.Decode(file, voi, limits);
        if (SeriesArchive.IsOne(bytes)) return DicomVolume.Decode(SeriesArchive.Read(file, limits), Asked(voi), limits);
        if (NiftiFile.IsOne(bytes)) return NiftiFile.Decode(file, voi, limits);
        if (DicomDecoder.IsDicom(bytes)) return DicomVolume.Decode([file], Asked(voi), limits);
        throw NotKnown(bytes);
    }

    /// <summary>Decodes the slices of a DICOM series, as an archive of them is decoded.</summary>
    /// <param name="slices">The files, in any order; equal ones count once.</param>
    /// <param name="voi">Which values become black and white; null takes none.</param>
    /// <param name="limits">What it may cost, all files together.</param>
    /// <exception cref="ImageException">They make no volume, one is broken, or they are over a limit.</exception>
    public static Volume DecodeSeries(IReadOnlyList<ReadOnlyMemory<byte>> slices, DicomVoi? voi, DecodeLimits limits) => DicomVolume.Decode([.. SeriesArchive.ByDigest(slices).Values], Asked(voi), limits);

    /// <summary>Whether a file is meant to be nothing but a volume, which a DICOM file may be or not.</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) => NpyHeader.IsOne(file) || SeriesArchive.IsOne(file) || NiftiFile.IsOne(file);

    /// <summary>Refuses what <see cref="Decode"/> does not know, by the first bytes.</summary>
    /// <exception cref="ImageException">It is none.</exception>
    public static void CheckKind(ReadOnlySpan<byte> file)
    {
        if (!IsOne(file) && !DicomDecoder.IsDicom(file)) throw NotKnown(file);
    }

    /// <summary>A volume of an array's numbers.</summary>
    /// <param name="fill">Gives them as they are stored, one piece after the other, so that memory is taken for one form of them alone.</param>
    /// <param name="type">How.</param>
    /// <param name="sides">[depth, height, width].</param>
    /// <param name="voi">Which values become black and white, or null.</param>
    /// <param name="format">The format of the file.</param>
    /// <param name="slope">What the numbers are multiplied by.</param>
    /// <param name="intercept">What is added then.</param>
    /// <param name="shown">What the file says is black and white, or null.</param>
    /// <exception cref="ImageException">The bundle would have to say which values are black and white, and does not; or one is not finite.</exception>
    public static Volume FromNumbers(
        NpyHeader.Filler fill, VoxelType type, (int Depth, int Height, int Width) sides, DicomVoi? voi, ImageFormat format, double slope = 1, double intercept = 0, (double Low, double High)? shown = null)
    {
        bool isGray = type.IsByte && (slope, intercept) == (1, 0);
        if (isGray && (voi is null || (voi.Kind == DicomVoiKind.File && shown is null)))
        {
            byte[] levels = new byte[sides.Depth * sides.Height * sides.Width];
            fill(levels);
            return new Volume(sides.Depth, sides.Height, sides.Width, levels);
        }
        if (voi is null) throw ImageException.VolumeNotTaken($"a volume of numbers that are no levels of gray, expected bytes: {Unsaid}");
        float[] values = new float[sides.Depth * sides.Height * sides.Width];
        byte[] piece = new byte[Math.Min(values.Length, PieceVoxels) * type.Size];
        for (int at = 0; at < values.Length; at += PieceVoxels)
        {
            int voxels = Math.Min(PieceVoxels, values.Length - at);
            fill(piece.AsSpan(0, voxels * type.Size));
            VoxelValues.Read(piece, type, slope, intercept, values.AsSpan(at, voxels), format);
        }
        VoxelValues.ToLight(values, voi, shown, format);
        return new Volume(sides.Depth, sides.Height, sides.Width, values);
    }

    private const int PieceVoxels = 1 << 18;

    /// <summary>Why numbers that are no levels of gray are refused.</summary>
    public const string Unsaid = "the bundle does not say which values are black and white (input.dicom)";

    private static ImageException NotKnown(ReadOnlySpan<byte> file) =>
        ImageException.VolumeNotKnown(file.IsEmpty ? "an empty file" : $"a file that begins with {Convert.ToHexStringLower(file[..Math.Min(file.Length, 8)])}");

    private static DicomVoi Asked(DicomVoi? voi) => voi ?? throw ImageException.DicomNotTaken($"an array of bytes: {Unsaid}");
}
