namespace MeLo.Edge.Tensors;

/// <summary>[rows, columns] to [columns, rows], row-major.</summary>
internal static class Transposition
{
    // A tile of source rows and columns that stays in the first-level cache: 2 x 64 x 64 x 4 bytes.
    private const int Tile = 64;

    /// <summary>A matrix transposed.</summary>
    /// <param name="matrix">[rows, columns].</param>
    /// <param name="rows">Its rows, at least 1.</param>
    public static float[] Of(ReadOnlySpan<float> matrix, int rows)
    {
        float[] result = new float[matrix.Length];
        Run(matrix, result, rows, matrix.Length / rows);
        return result;
    }

    /// <summary>Transposes a matrix into other memory, tile by tile.</summary>
    /// <param name="source">[rows, columns].</param>
    /// <param name="destination">[columns, rows].</param>
    /// <param name="rows">The source's rows.</param>
    /// <param name="columns">The source's columns.</param>
    public static void Run(ReadOnlySpan<float> source, Span<float> destination, int rows, int columns)
    {
        for (int r0 = 0; r0 < rows; r0 += Tile)
            for (int c0 = 0; c0 < columns; c0 += Tile)
            {
                int rEnd = Math.Min(r0 + Tile, rows), cEnd = Math.Min(c0 + Tile, columns);
                for (int c = c0; c < cEnd; c++)
                    for (int r = r0; r < rEnd; r++)
                        destination[(c * rows) + r] = source[(r * columns) + c];
            }
    }
}
