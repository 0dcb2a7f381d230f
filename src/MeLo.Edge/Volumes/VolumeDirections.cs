using System.Numerics;

namespace MeLo.Edge.Volumes;

/// <summary>Where the indices of an array lead in the patient, in DICOM's axes (PS3.3, C.7.6.2.1.1): x towards the left, y towards the back, z towards the head. Unit vectors.</summary>
/// <param name="Slice">From a slice to the next.</param>
/// <param name="Row">From a row to the next.</param>
/// <param name="Column">From a column to the next.</param>
internal readonly record struct VolumeDirections(Vector3 Slice, Vector3 Row, Vector3 Column)
{
    private static readonly int[][] s_orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    /// <summary>Which axis of the array (0 slices, 1 rows, 2 columns) leads towards the head, the back and the left, each once, and whether the other way.</summary>
    public ((int Axis, bool IsReversed) Head, (int Axis, bool IsReversed) Back, (int Axis, bool IsReversed) Left) Nearest()
    {
        Vector3[] axes = [Slice, Row, Column];
        // Of the six ways to match them the one that agrees best; of equal ones the first, as of a volume that lies exactly between two axes.
        int[] best = s_orders.MaxBy(o => MathF.Abs(axes[o[0]].Z) + MathF.Abs(axes[o[1]].Y) + MathF.Abs(axes[o[2]].X))!;
        return ((best[0], axes[best[0]].Z < 0), (best[1], axes[best[1]].Y < 0), (best[2], axes[best[2]].X < 0));
    }
}
