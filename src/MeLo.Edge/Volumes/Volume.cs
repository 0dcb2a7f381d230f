using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>
/// A decoded volume of gray voxels, [depth, height, width]: bytes from 0 for black to 255 for white, or binary32 from 0 to 1. Immutable.
/// </summary>
/// <param name="Depth">Slices.</param>
/// <param name="Height">Rows of a slice.</param>
/// <param name="Width">Columns of a slice.</param>
/// <param name="Voxels">A <see cref="byte"/> or <see cref="float"/> array of as many elements.</param>
internal sealed record Volume(int Depth, int Height, int Width, Array Voxels)
{
    /// <summary>The volume turned to the nearest of the patient's axes: [towards the head, towards the back, towards the left].</summary>
    public Volume Turned(VolumeDirections directions) => Voxels is byte[] bytes ? Turned(bytes, directions) : Turned((float[])Voxels, directions);

    /// <summary>A slice as a picture.</summary>
    public PixelBuffer Cut(VolumeSlices slices, int slice) => Voxels is byte[] bytes ? slices.Cut<byte>(bytes, slice) : slices.Cut<float>((float[])Voxels, slice);

    /// <summary>The volume with its axes in the other order.</summary>
    public Volume Reversed() => Voxels is byte[] bytes ? Reordered(bytes, (2, false), (1, false), (0, false)) : Reordered((float[])Voxels, (2, false), (1, false), (0, false));

    // For each of the patient's axes, the array's axis that follows it best, and whether it runs the other way.
    private Volume Turned<T>(T[] voxels, VolumeDirections directions)
    {
        ((int, bool) head, (int, bool) back, (int, bool) left) = directions.Nearest();
        return Reordered(voxels, head, back, left);
    }

    private Volume Reordered<T>(T[] voxels, (int Axis, bool IsReversed) first, (int Axis, bool IsReversed) second, (int Axis, bool IsReversed) third)
    {
        if ((first, second, third) == ((0, false), (1, false), (2, false))) return this;
        int[] sides = [Depth, Height, Width], strides = [Height * Width, Width, 1];
        T[] reordered = new T[voxels.Length];
        int at = 0;
        for (int z = 0; z < sides[first.Axis]; z++)
        {
            for (int y = 0; y < sides[second.Axis]; y++)
            {
                int row = Offset(first, z) + Offset(second, y);
                for (int x = 0; x < sides[third.Axis]; x++) reordered[at++] = voxels[row + Offset(third, x)];
            }
        }
        return new Volume(sides[first.Axis], sides[second.Axis], sides[third.Axis], reordered);

        int Offset((int Axis, bool IsReversed) axis, int index) => strides[axis.Axis] * (axis.IsReversed ? sides[axis.Axis] - 1 - index : index);
    }
}
