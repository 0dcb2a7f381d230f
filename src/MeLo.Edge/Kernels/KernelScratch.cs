namespace MeLo.Edge.Kernels;

/// <summary>
/// A kernel's working memory, one block a thread, which lasts from task to task. It is a pinned array, so it goes with its thread: the
/// kernels run on a pool of the runtime's, whose end nobody announces.
/// </summary>
internal static unsafe class KernelScratch
{
    private const int Alignment = 64; // a cache line, and the widest vector

    [ThreadStatic]
    private static float[]? t_block;

    /// <summary>The calling thread's block, 64-byte aligned, with whatever the last kernel left in it. Valid until the thread asks again.</summary>
    /// <param name="length">The floats needed; at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative, as a product of sizes that overflowed is.</exception>
    /// <exception cref="OverflowException">It is more than an array can have.</exception>
    public static float* Floats(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        int needed = checked(length + (Alignment / sizeof(float)));
        float[]? block = t_block;
        if (block is null || block.Length < needed) t_block = block = GC.AllocateUninitializedArray<float>(needed, pinned: true);
        fixed (float* first = block) return (float*)(((nint)first + Alignment - 1) / Alignment * Alignment);
    }
}
