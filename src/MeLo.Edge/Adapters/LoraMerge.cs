namespace MeLo.Edge.Adapters;

/// <summary>
/// Merges low-rank pairs into weights: W'[in,out] = W[in,out] + s·Aᵀ[in,r]·Bᵀ[r,out], which is Hu et al.'s W + s·B·A (arXiv
/// 2106.09685, equation 3) for weights stored as x·W wants them. One pass over memory: W is read once, W' written once.
/// </summary>
/// <remarks>
/// Each element's products are summed in the order of the rank and then added to W, in fp32. The result is the same bits whatever
/// the number of threads, and on every machine with fused multiply-add.
/// </remarks>
internal static unsafe class LoraMerge
{
    /// <summary>Merges every item and returns when all are done.</summary>
    /// <param name="items">The matrices. Their memory must stay valid until the call returns.</param>
    /// <param name="threads">How many threads may work, the caller's included; at least 1.</param>
    /// <exception cref="ArgumentException">A pointer is null, or a destination overlaps its pristine weights.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is less than 1.</exception>
    public static void Run(ReadOnlySpan<LoraMergeItem> items, int threads) => Run(items, threads, MergePaths.Best);

    /// <summary>Merges one matrix on the caller's thread.</summary>
    /// <param name="pristine">W, [in, out] row-major, of the pair's widths.</param>
    /// <param name="destination">W', of the same length; must not overlap W.</param>
    /// <param name="pair">A and B.</param>
    /// <param name="scale">The factor s.</param>
    /// <exception cref="ArgumentException">A length is not in·out, or the memory overlaps.</exception>
    public static void Merge(ReadOnlySpan<float> pristine, Span<float> destination, LoraPair pair, float scale)
    {
        long expected = (long)pair.InFeatures * pair.OutFeatures;
        if (pristine.Length != expected || destination.Length != expected)
            throw new ArgumentException($"{pair.Target}: found {pristine.Length} weights and room for {destination.Length}, expected [{pair.InFeatures},{pair.OutFeatures}].", nameof(destination));
        fixed (float* from = pristine)
        fixed (float* to = destination)
        {
            LoraMergeItem item = new(from, to, pair, scale);
            Run([item], 1);
        }
    }

    /// <summary>The same by a path of the caller's choice.</summary>
    public static void Run(ReadOnlySpan<LoraMergeItem> items, int threads, MergePath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (items.IsEmpty) return;
        foreach (ref readonly LoraMergeItem item in items) Check(item);
        LoraMergeJob job = LoraMergeJob.Create(items, path);
        job.Run(MergeThreads.Helpers(threads, job.ByteLength));
    }

    private static void Check(in LoraMergeItem item)
    {
        if (item.Pristine == null || item.Destination == null) throw new ArgumentException($"{item.Pair?.Target}: a pointer is null.", nameof(item));
        long count = (long)item.Pair.InFeatures * item.Pair.OutFeatures;
        if (item.Pristine < item.Destination + count && item.Destination < item.Pristine + count)
            throw new ArgumentException($"{item.Pair.Target}: the destination overlaps the pristine weights.", nameof(item));
    }
}
