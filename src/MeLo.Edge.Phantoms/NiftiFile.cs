using System.Buffers.Binary;
using System.IO.Compression;

namespace MeLo.Edge.Phantoms;

/// <summary>Writes volumes as NIfTI-1 (nifti1.h): unsigned bytes, in one file, without a place in a patient.</summary>
public static class NiftiFile
{
    private const int HeaderBytes = 348, DataOffset = 352;

    /// <summary>A volume, plain (<c>.nii</c>) or compressed with gzip (<c>.nii.gz</c>).</summary>
    public static byte[] Write(Volume volume, bool isCompressed)
    {
        byte[] file = new byte[DataOffset + volume.Voxels.Length];
        BinaryPrimitives.WriteInt32LittleEndian(file, HeaderBytes);
        short side = checked((short)volume.Size);
        foreach ((int at, short value) in (ReadOnlySpan<(int, short)>)[(40, 3), (42, side), (44, side), (46, side), (48, 1), (50, 1), (52, 1), (54, 1), (70, 2), (72, 8)]) // dim, datatype (unsigned bytes), bitpix
            BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(at), value);
        for (int i = 0; i < 4; i++) BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(76 + (4 * i)), 1); // pixdim
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(108), DataOffset);
        "n+1\0"u8.CopyTo(file.AsSpan(344));
        volume.Voxels.CopyTo(file, DataOffset);
        if (!isCompressed) return file;
        using MemoryStream compressed = new();
        using (GZipStream stream = new(compressed, CompressionLevel.Fastest, leaveOpen: true)) stream.Write(file);
        return compressed.ToArray();
    }
}
