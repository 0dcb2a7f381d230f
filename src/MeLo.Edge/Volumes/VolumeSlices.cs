using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Which pictures a volume of [depth, height, width] is cut into: along one axis or all three, evenly spaced.</summary>
internal sealed class VolumeSlices
{
    private readonly int[] _sides;
    private readonly (int Axis, int Index)[] _cuts;

    /// <param name="depth">The first dimension.</param>
    /// <param name="height">The second.</param>
    /// <param name="width">The third.</param>
    /// <param name="axes">Along which axes.</param>
    /// <param name="count">Slices along each, 1 to <see cref="Most"/>.</param>
    public VolumeSlices(int depth, int height, int width, VolumeAxes axes, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Most(depth, height, width, axes));
        _sides = [depth, height, width];
        (Axes, PerAxis) = (axes, count);
        _cuts = [.. Along(axes).SelectMany(axis => Indices(_sides[axis], count).Select(index => (axis, index)))];
    }

    /// <summary>The slices of a volume that a task looks at.</summary>
    /// <exception cref="ImageException">The volume has fewer: the model has not seen such.</exception>
    public static VolumeSlices Of(Volume volume, VolumeRecipe recipe)
    {
        int most = Most(volume.Depth, volume.Height, volume.Width, recipe.Axes);
        return recipe.Slices <= most
            ? new VolumeSlices(volume.Depth, volume.Height, volume.Width, recipe.Axes, recipe.Slices)
            : throw ImageException.VolumeNotTaken($"a volume of {volume.Depth} x {volume.Height} x {volume.Width} voxels, expected at least the {recipe.Slices} slices that the task looks at ({recipe.Axes.ToString().ToLowerInvariant()})");
    }

    /// <summary>Along which axes.</summary>
    public VolumeAxes Axes { get; }

    /// <summary>Slices along each.</summary>
    public int PerAxis { get; }

    /// <summary>Pictures a volume.</summary>
    public int Count => _cuts.Length;

    /// <summary>Size and slices in words.</summary>
    public string Description => string.Create(CultureInfo.InvariantCulture, $"{_sides[0]} x {_sides[1]} x {_sides[2]}, {Count} slices ({Axes.ToString().ToLowerInvariant()})");

    /// <summary>How many slices there are along the axis that has fewest.</summary>
    public static int Most(int depth, int height, int width, VolumeAxes axes)
    {
        int[] sides = [depth, height, width];
        return Along(axes).Min(axis => sides[axis]);
    }

    /// <summary>One slice as a gray picture.</summary>
    /// <param name="volume">[depth, height, width].</param>
    /// <param name="slice">0 to below <see cref="Count"/>.</param>
    public PixelBuffer Cut<T>(ReadOnlySpan<T> volume, int slice)
        where T : unmanaged
    {
        (int axis, int index) = _cuts[slice];
        int depth = _sides[0], height = _sides[1], width = _sides[2], plane = height * width;
        if (axis == 0) return new PixelBuffer(width, height, 1, volume.Slice(index * plane, plane).ToArray());
        T[] pixels = new T[depth * (axis == 1 ? width : height)];
        for (int z = 0; z < depth; z++)
        {
            ReadOnlySpan<T> axial = volume.Slice(z * plane, plane);
            if (axis == 1) axial.Slice(index * width, width).CopyTo(pixels.AsSpan(z * width));
            else for (int y = 0; y < height; y++) pixels[(z * height) + y] = axial[(y * width) + index];
        }
        return new PixelBuffer(axis == 1 ? width : height, depth, 1, pixels);
    }

    private static int[] Along(VolumeAxes axes) => axes == VolumeAxes.All ? [0, 1, 2] : [(int)axes];

    // The middle of each of as many equal parts.
    private static IEnumerable<int> Indices(int side, int count) => Enumerable.Range(0, count).Select(i => (int)(((2L * i) + 1) * side / (2L * count)));
}
