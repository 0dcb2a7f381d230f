using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>
/// A volume as one file of NIfTI-1 (nifti1.h of the NIfTI Data Format Working Group), perhaps compressed with gzip. Numbers are scaled as the file says; bytes without a scale are levels of gray unless the bundle says
/// otherwise. Where the file says how the volume lies in the patient, it is turned to the patient's axes.
/// </summary>
internal static class NiftiFile
{
    private const int HeaderBytes = 348;

    // Of NIfTI-2, which has another header.
    private const int Nifti2HeaderBytes = 540;

    /// <summary>Whether a file is meant to be one: NIfTI of either version and order of bytes, or ANALYZE, or anything in gzip.</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) => IsCompressed(file) || IsHeader(file);

    private static bool IsCompressed(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]);

    private static bool IsHeader(ReadOnlySpan<byte> file) => file.Length >= sizeof(int)
        && (BinaryPrimitives.ReadInt32LittleEndian(file) is HeaderBytes or Nifti2HeaderBytes || BinaryPrimitives.ReadInt32BigEndian(file) is HeaderBytes or Nifti2HeaderBytes);

    /// <exception cref="ImageException">It is broken, over a limit, or no volume.</exception>
    public static Volume Decode(ReadOnlyMemory<byte> file, DicomVoi? voi, DecodeLimits limits)
    {
        using Stream plain = new ReadOnlyMemoryStream(file);
        if (!IsCompressed(file.Span)) return Decode(plain, voi, limits);
        using GZipStream inflated = new(plain, CompressionMode.Decompress);
        try
        {
            return Decode(inflated, voi, limits);
        }
        catch (InvalidDataException)
        {
            throw Broken("found data in gzip that is broken");
        }
    }

    // Reads no more than the header asks for, so that a file that inflates without end costs nothing.
    private static Volume Decode(Stream file, DicomVoi? voi, DecodeLimits limits)
    {
        byte[] bytes = new byte[HeaderBytes];
        Fill(file, bytes);
        if (!IsHeader(bytes)) throw ImageException.VolumeNotKnown($"a file in gzip that begins with {Convert.ToHexStringLower(bytes.AsSpan(0, 8))}");
        Header header = new(bytes);
        (int depth, int height, int width) = header.Sides();
        limits.CheckVolume(ImageFormat.Nifti, depth, height, width);
        VoxelType type = header.Type();
        int gap = header.DataOffset() - HeaderBytes;
        if (gap > limits.MaxFileBytes) throw ImageException.OverLimit("bytes before the voxels of a NIfTI file", gap, limits.MaxFileBytes);
        Skip(file, gap);
        (double slope, double intercept) = header.Scale();
        Volume volume = VolumeDecoder.FromNumbers(bytes => Fill(file, bytes), type, (depth, height, width), voi, ImageFormat.Nifti, slope, intercept, header.Shown());
        // Also so that gzip comes to its checksum.
        if (file.ReadByte() >= 0) throw Broken("goes on behind the voxels");
        return header.Directions() is { } directions ? volume.Turned(directions) : volume;
    }

    private static void Fill(Stream file, Span<byte> bytes)
    {
        if (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Broken("ends too early");
    }

    private static void Skip(Stream file, int bytes)
    {
        byte[] buffer = new byte[Math.Min(bytes, 1 << 16)];
        for (int left = bytes; left > 0; left -= buffer.Length) Fill(file, buffer = left < buffer.Length ? new byte[left] : buffer);
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Nifti, fault);

    /// <summary>The fields that matter here, by their offsets in nifti1.h.</summary>
    private readonly ref struct Header
    {
        private readonly ReadOnlySpan<byte> _bytes;
        private readonly bool _isBigEndian;

        public Header(ReadOnlySpan<byte> bytes)
        {
            _bytes = bytes;
            _isBigEndian = BinaryPrimitives.ReadInt32LittleEndian(bytes) is not (HeaderBytes or Nifti2HeaderBytes);
            if (Int32(0) == Nifti2HeaderBytes) throw Broken("found NIfTI-2, expected NIfTI-1");
            ReadOnlySpan<byte> magic = bytes.Slice(344, 4);
            if (magic.SequenceEqual("ni1\0"u8)) throw Broken("found the header of a pair of files (.hdr and .img), expected both in one (.nii)");
            if (!magic.SequenceEqual("n+1\0"u8)) throw Broken("found ANALYZE, which does not say how a volume lies, expected NIfTI-1");
        }

        /// <summary>The third dimension, the second and the first: the first index changes fastest.</summary>
        public (int Depth, int Height, int Width) Sides()
        {
            int dimensions = Int16(40);
            if (dimensions is < 3 or > 7) throw Broken($"found {dimensions} dimensions, expected 3");
            for (int i = 4; i <= dimensions; i++)
                if (Int16(40 + (2 * i)) != 1) throw Broken($"found {Int16(40 + (2 * i))} along dimension {i}, expected one volume");
            return (Int16(46), Int16(44), Int16(42));
        }

        public VoxelType Type() => (int)Int16(70) switch
        {
            2 => new VoxelType(1, IsSigned: false, IsReal: false, _isBigEndian),
            4 => new VoxelType(2, IsSigned: true, IsReal: false, _isBigEndian),
            8 => new VoxelType(4, IsSigned: true, IsReal: false, _isBigEndian),
            16 => new VoxelType(4, IsSigned: true, IsReal: true, _isBigEndian),
            64 => new VoxelType(8, IsSigned: true, IsReal: true, _isBigEndian),
            256 => new VoxelType(1, IsSigned: true, IsReal: false, _isBigEndian),
            512 => new VoxelType(2, IsSigned: false, IsReal: false, _isBigEndian),
            768 => new VoxelType(4, IsSigned: false, IsReal: false, _isBigEndian),
            1024 => new VoxelType(8, IsSigned: true, IsReal: false, _isBigEndian),
            1280 => new VoxelType(8, IsSigned: false, IsReal: false, _isBigEndian),
            int other => throw Broken($"found voxels of type {other}, expected whole or real numbers (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)"),
        };

        public int DataOffset()
        {
            float offset = Single(108);
            return offset >= HeaderBytes && offset <= int.MaxValue / 2 && offset == MathF.Floor(offset) ? (int)offset : throw Broken("found voxels at an offset that cannot be, expected one behind the header");
        }

        /// <summary>A slope of 0 means that there is none.</summary>
        public (double Slope, double Intercept) Scale()
        {
            float slope = Single(112), intercept = Single(116);
            if (slope == 0 || float.IsNaN(slope)) return (1, 0); // as other readers take it
            return float.IsFinite(slope) && float.IsFinite(intercept) ? (slope, intercept) : throw Broken("found a scale that is not finite, expected numbers");
        }

        /// <summary>What is to be shown as black and white (cal_min and cal_max); null where the file does not say.</summary>
        public (double Low, double High)? Shown()
        {
            float high = Single(124), low = Single(128);
            return float.IsFinite(low) && float.IsFinite(high) && high > low ? (low, high) : null;
        }

        /// <summary>By the affine transform (sform), or else the quaternion (qform); null where the file has neither.</summary>
        public VolumeDirections? Directions()
        {
            // x towards the right there, and y towards the front.
            if (Int16(254) > 0)
            {
                VolumeDirections affine = new(Unit(Affine(2)), Unit(Affine(1)), Unit(Affine(0)));
                return MathF.Abs(Vector3.Dot(affine.Slice, Vector3.Cross(affine.Row, affine.Column))) > 0.01f ? affine : throw Broken("found axes that lie in one plane, expected three directions");
            }
            if (Int16(252) <= 0) return null;
            float b = Single(256), c = Single(260), d = Single(264), a = MathF.Sqrt(Math.Max(0, 1 - (b * b) - (c * c) - (d * d)));
            Quaternion rotation = new(b, c, d, a);
            float handedness = Single(76) < 0 ? -1 : 1;
            return new VolumeDirections(Unit(Vector3.Transform(Vector3.UnitZ * handedness, rotation)), Unit(Vector3.Transform(Vector3.UnitY, rotation)), Unit(Vector3.Transform(Vector3.UnitX, rotation)));
        }

        private Vector3 Affine(int column) => new(Single(280 + (4 * column)), Single(296 + (4 * column)), Single(312 + (4 * column)));

        private static Vector3 Unit(Vector3 direction)
        {
            float length = direction.Length();
            return length > 0 && float.IsFinite(length) ? new Vector3(-direction.X, -direction.Y, direction.Z) / length : throw Broken("found an axis without a direction, expected three");
        }

        private int Int32(int at) => _isBigEndian ? BinaryPrimitives.ReadInt32BigEndian(_bytes[at..]) : BinaryPrimitives.ReadInt32LittleEndian(_bytes[at..]);

        private short Int16(int at) => _isBigEndian ? BinaryPrimitives.ReadInt16BigEndian(_bytes[at..]) : BinaryPrimitives.ReadInt16LittleEndian(_bytes[at..]);

        private float Single(int at) => BitConverter.Int32BitsToSingle(Int32(at));
    }
}
