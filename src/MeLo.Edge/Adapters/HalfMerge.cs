namespace MeLo.Edge.Adapters;

/// <summary>
/// Merges low-rank pairs into weights and rounds the result to binary16, [in, out] as W is: from the pristine weights each time, so that no rounding is
/// ever added to another. Weights without a pair are rounded as they are.
/// </summary>
/// <remarks>
/// The merged values are <see cref="LoraMerge"/>'s, bit for bit; each is rounded once, to the nearest, ties to even. One beyond 65,519 in magnitude
/// becomes an infinity, so that a run shows it.
/// </remarks>
internal static unsafe class HalfMerge
{
    /// <summary>Merges and rounds every item and returns when all are done.</summary>
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
        foreach (ref readonly RoundedMergeItem item in items) item.Check((long)item.InFeatures * item.OutFeatures * sizeof(Half));
        HalfMergeJob job = HalfMergeJob.Create(items, path);
        job.Run(MergeThreads.Helpers(threads, job.ByteLength));
    }
}
