using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>Which pictures a volume of [depth, height, width] is cut into: along one axis or all three, all slices or some, evenly spaced.</summary>
internal sealed class VolumeSlices
{
    private readonly int[] _sides;
    private readonly (int Axis, int Index)[] _cuts;

    /// <param name="depth">The first dimension.</param>
    /// <param name="height">The second.</param>
    /// <param name="width">The third.</param>
    /// <param name="axes">Along which axes.</param>
    /// <param name="count">Slices along each; null for all.</param>
    /// <exception cref="DatasetException">There are fewer slices than that, or none are wanted.</exception>
    public VolumeSlices(int depth, int height, int width, VolumeAxes axes, int? count)
    {
        _sides = [depth, height, width];
        int[] along = axes == VolumeAxes.All ? [0, 1, 2] : [(int)axes];
        int fewest = along.Min(axis => _sides[axis]);
        if (count < 1 || count > fewest) throw DatasetException.Of("slices", $"found {count}, expected 1 to {fewest} for volumes of {depth} x {height} x {width}");
        _cuts = [.. along.SelectMany(axis => Indices(_sides[axis], count ?? _sides[axis]).Select(index => (axis, index)))];
        Description = string.Create(CultureInfo.InvariantCulture, $"{depth} x {height} x {width}, {_cuts.Length} slices ({axes.ToString().ToLowerInvariant()})");
    }

    /// <summary>Pictures a volume.</summary>
    public int Count => _cuts.Length;

    /// <summary>Size and slices in words.</summary>
    public string Description { get; }

    /// <summary>One slice as a gray picture.</summary>
    /// <param name="volume">[depth, height, width].</param>
    /// <param name="slice">0 to below <see cref="Count"/>.</param>
    public PixelBuffer Cut(ReadOnlySpan<byte> volume, int slice)
    {
        (int axis, int index) = _cuts[slice];
        int depth = _sides[0], height = _sides[1], width = _sides[2], plane = height * width;
        if (axis == 0) return new PixelBuffer(width, height, 1, volume.Slice(index * plane, plane).ToArray());
        byte[] pixels = new byte[depth * (axis == 1 ? width : height)];
        for (int z = 0; z < depth; z++)
        {
            ReadOnlySpan<byte> axial = volume.Slice(z * plane, plane);
            if (axis == 1) axial.Slice(index * width, width).CopyTo(pixels.AsSpan(z * width));
            else for (int y = 0; y < height; y++) pixels[(z * height) + y] = axial[(y * width) + index];
        }
        return new PixelBuffer(axis == 1 ? width : height, depth, 1, pixels);
    }

    // The middle of each of as many equal parts.
    private static IEnumerable<int> Indices(int side, int count) => Enumerable.Range(0, count).Select(i => (int)(((2L * i) + 1) * side / (2L * count)));
}
