using System.Buffers.Binary;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>How the numbers of an array are stored, in an array of NumPy or in a NIfTI file.</summary>
/// <param name="Size">Bytes a number: 1, 2, 4 or 8.</param>
/// <param name="IsSigned">Whether whole numbers have a sign.</param>
/// <param name="IsReal">Whether they are of IEEE 754.</param>
/// <param name="IsBigEndian">Whether the highest byte comes first.</param>
internal readonly record struct VoxelType(int Size, bool IsSigned, bool IsReal, bool IsBigEndian)
{
    /// <summary>Bytes, which are levels of gray as those of pictures are, unless somebody says otherwise.</summary>
    public bool IsByte => Size == 1 && !IsSigned && !IsReal;
}

/// <summary>From the numbers of an array, without DICOM's attributes, to light.</summary>
internal static class VoxelValues
{
    /// <summary>The numbers, multiplied and moved, as binary32.</summary>
    /// <param name="bytes">As they are stored; at least as many as are asked for.</param>
    /// <param name="type">How.</param>
    /// <param name="slope">What they are multiplied by.</param>
    /// <param name="intercept">What is added then.</param>
    /// <param name="values">All of them.</param>
    /// <param name="format">The format of the file.</param>
    /// <exception cref="ImageException">One is not finite.</exception>
    public static void Read(ReadOnlySpan<byte> bytes, VoxelType type, double slope, double intercept, Span<float> values, ImageFormat format)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)((Number(bytes.Slice(i * type.Size, type.Size), type) * slope) + intercept);
            if (!float.IsFinite(values[i])) throw ImageException.Broken(format, "found a voxel that is not a finite number of binary32, expected numbers");
        }
    }

    /// <summary>Makes light of values in place: 0 for black, 1 for white.</summary>
    /// <param name="values">[depth, height, width].</param>
    /// <param name="voi">What becomes black and white.</param>
    /// <param name="shown">What the file says of that, or null.</param>
    /// <param name="format">The format of the file.</param>
    /// <exception cref="ImageException">The window is one that only DICOM has.</exception>
    public static void ToLight(Span<float> values, DicomVoi voi, (double Low, double High)? shown, ImageFormat format)
    {
        Func<double, double> light = voi.Kind switch
        {
            DicomVoiKind.Window => VoiFormula.Window(voi.Center, voi.Width, voi.Function),
            DicomVoiKind.Percentile => VoiFormula.Between(ValueRank.Percentile(values, voi.Low), ValueRank.Percentile(values, voi.High)),
            DicomVoiKind.Named => throw ImageException.Broken(format, "found no windows with names, expected a DICOM file, where the bundle asks for one"),
            DicomVoiKind.File when shown is var (low, high) => VoiFormula.Between(low, high),
            _ => VoiFormula.Between(ValueRank.Percentile(values, 0), ValueRank.Percentile(values, 100)),
        };
        for (int i = 0; i < values.Length; i++) values[i] = (float)light(values[i]);
    }

    private static double Number(ReadOnlySpan<byte> at, VoxelType type)
    {
        ulong bits = type.Size switch
        {
            1 => at[0],
            2 => type.IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(at) : BinaryPrimitives.ReadUInt16LittleEndian(at),
            4 => type.IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(at) : BinaryPrimitives.ReadUInt32LittleEndian(at),
            _ => type.IsBigEndian ? BinaryPrimitives.ReadUInt64BigEndian(at) : BinaryPrimitives.ReadUInt64LittleEndian(at),
        };
        if (!type.IsReal)
        {
            if (!type.IsSigned) return bits;
            int unused = 64 - (8 * type.Size);
            return (long)(bits << unused) >> unused;
        }
        return type.Size switch
        {
            2 => (double)BitConverter.UInt16BitsToHalf((ushort)bits),
            4 => BitConverter.UInt32BitsToSingle((uint)bits),
            _ => BitConverter.UInt64BitsToDouble(bits),
        };
    }
}
