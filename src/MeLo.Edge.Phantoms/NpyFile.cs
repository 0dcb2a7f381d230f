using System.Globalization;
using System.Text;

namespace MeLo.Edge.Phantoms;

/// <summary>Writes arrays of unsigned bytes as NumPy's NPY files, version 1.0.</summary>
public static class NpyFile
{
    /// <summary>A volume, [slice, row, column].</summary>
    public static byte[] Write(Volume volume) => [.. Header([volume.Size, volume.Size, volume.Size]), .. volume.Voxels];

    /// <summary>What stands before the bytes of an array of a shape.</summary>
    internal static byte[] Header(IEnumerable<int> shape)
    {
        string header = $"{{'descr': '|u1', 'fortran_order': False, 'shape': ({string.Join(", ", shape.Select(n => n.ToString(CultureInfo.InvariantCulture)))}), }}";
        header = header.PadRight(((10 + header.Length) / 64 * 64) + 64 - 10 - 1) + "\n"; // magic, version, length and header fill whole blocks of 64
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header)];
    }
}
