namespace MeLo.Edge.Adapters;

/// <summary>
/// Merges low-rank pairs into weights and quantises the result, symmetric to eight bits with one scale for each output and group of rows: from
/// the pristine weights each time, so that no rounding is ever added to another. Weights without a pair go through the same code.
/// </summary>
/// <remarks>
/// <para>The merged values are <see cref="LoraMerge"/>'s, bit for bit. For each column and group with the largest magnitude m: scale = m / 127 and
/// q = W'·(127 / m), each a single fp32 operation, rounded half to even; q is at most 127 in magnitude because rounding is
/// monotonic. The result is the same bits whatever the path or the number of threads, on every machine with fused multiply-add.</para>
/// <para>A column's group whose scale would be zero or subnormal (m below 1.5e-36) has scale 1 and zeros; one that holds a value that
/// is not finite has scale NaN and zeros, so that a run shows it as it would show the value itself.</para>
/// <para>The result is laid out as the products read it (<see cref="Kernels.PackedMatrix"/>), with the sums of the weights that they need.</para>
/// </remarks>
internal static unsafe class QuantizedMerge
{
    /// <summary>The largest magnitude of a quantised weight. -128 is left out: the range is symmetric.</summary>
    public const int Largest = 127;

    /// <summary>Merges and quantises every item and returns when all are done.</summary>
    /// <param name="items">The matrices. Their memory must stay valid until the call returns.</param>
    /// <param name="threads">How many threads may work, the caller's included; at least 1.</param>
    /// <exception cref="ArgumentException">A pointer is null, a width is less than 1, or what is written overlaps the weights.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is less than 1.</exception>
    public static void Run(ReadOnlySpan<RoundedMergeItem> items, int threads) => Run(items, threads, MergePaths.Best);

    /// <summary>The same by a path of the caller's choice.</summary>
    public static void Run(ReadOnlySpan<RoundedMergeItem> items, int threads, MergePath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (items.IsEmpty) return;
        foreach (ref readonly RoundedMergeItem item in items) item.Check(item.Packed.ByteLength);
        QuantizedMergeJob job = QuantizedMergeJob.Create(items, path);
        job.Run(MergeThreads.Helpers(threads, job.ByteLength));
    }

    /// <summary>The scale of a column's group of rows.</summary>
    /// <param name="magnitude">The largest magnitude in it.</param>
    /// <param name="inverse">What each value is multiplied with; 0 where they become zeros.</param>
    public static float Scale(float magnitude, out float inverse)
    {
        float scale = magnitude / Largest;
        bool useful = float.IsNormal(scale);
        inverse = useful ? Largest / magnitude : 0;
        return useful ? scale : float.IsFinite(magnitude) ? 1 : float.NaN;
    }
}
