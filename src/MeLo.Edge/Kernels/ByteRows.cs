namespace MeLo.Edge.Kernels;

/// <summary>
/// Activations as bytes. A feature x of a row is low + scale · byte, with a low and a scale of their own for every row and every group of
/// <see cref="PackedMatrix.GroupRows"/> features.
/// </summary>
/// <param name="bytes">[rows][<see cref="RowBytes"/>] bytes; those that fill up the last quad may be anything.</param>
/// <param name="scales">[groups][rows].</param>
/// <param name="lows">[groups][rows].</param>
/// <param name="rows">The number of rows.</param>
/// <param name="features">The features of a row.</param>
internal readonly unsafe struct ByteRows(byte* bytes, float* scales, float* lows, int rows, int features)
{
    public byte* Bytes { get; } = bytes;

    public float* Scales { get; } = scales;

    public float* Lows { get; } = lows;

    public int Rows { get; } = rows;

    public int Features { get; } = features;

    public int RowBytes { get; } = PackedMatrix.RowBytes(features);

    public int Groups { get; } = PackedMatrix.GroupsOf(features);

    /// <summary>The floats of scales and lows together, in that order.</summary>
    public static long RangesLength(int rows, int features) => 2L * PackedMatrix.GroupsOf(features) * rows;

    /// <summary>Describes rows whose lows follow their scales.</summary>
    public static ByteRows Of(byte* bytes, float* ranges, int rows, int features) =>
        new(bytes, ranges, ranges + ((long)PackedMatrix.GroupsOf(features) * rows), rows, features);
}
