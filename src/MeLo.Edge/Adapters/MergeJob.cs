using System.Diagnostics;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>
/// One call of <see cref="LoraMerge"/> or <see cref="QuantizedMerge"/>, cut into blocks that any number of threads take one after the other.
/// Every block belongs to exactly one thread and every element to one block, so the result does not depend on who took what.
/// </summary>
internal abstract unsafe class MergeJob
{
    /// <summary>The bytes from which a result goes past the caches, being larger; a smaller one is worth keeping there for the run that follows.</summary>
    protected const long StreamingThreshold = 4 << 20;

    private const int SpinsBetweenLooks = 20; // under a microsecond

    private static readonly TimeSpan s_awake = TimeSpan.FromMicroseconds(200);

    private readonly int[] _firstBlock;
    private readonly int _blocks;
    private readonly int _scratchLength;
    private readonly object _finished = new();
    private int _taken;
    private int _done;

    /// <summary>Numbers the blocks of all items.</summary>
    /// <param name="blocks">How many blocks each item has.</param>
    /// <param name="scratchLength">How many floats of scratch a thread needs for the most demanding block.</param>
    protected MergeJob(ReadOnlySpan<int> blocks, long scratchLength)
    {
        _scratchLength = checked((int)scratchLength);
        _firstBlock = new int[blocks.Length];
        for (int i = 0; i < blocks.Length; i++)
        {
            _firstBlock[i] = _blocks;
            _blocks += blocks[i];
        }
    }

    /// <summary>Merges every block, with the help of up to <paramref name="helpers"/> threads.</summary>
    /// <exception cref="OutOfMemoryException">There is no scratch memory; then nothing was written, and nobody will write.</exception>
    public void Run(int helpers)
    {
        // Before any helper is called: an exception must not leave the destinations to their owner while others still write.
        float* scratch = KernelScratch.Floats(_scratchLength);
        if (helpers > 0) MergeThreads.Call(this, helpers);
        Work(scratch);
        Wait();
    }

    /// <summary>Takes part until no block is left; returns at once when there is none.</summary>
    public void Help()
    {
        if (Volatile.Read(ref _taken) >= _blocks) return;
        float* scratch;
        try
        {
            scratch = KernelScratch.Floats(_scratchLength);
        }
        catch (OutOfMemoryException)
        {
            return; // no block was taken: the caller merges them all
        }
        Work(scratch);
    }

    private void Work(float* scratch)
    {
        Place? last = null;
        Place? next;
        // A block is taken before the one before it is begun, so that what it reads can be asked for in time.
        for (Place? here = Take(); here is { } place; last = here, here = next)
        {
            next = Take();
            Merge(place, next, last?.Item == place.Item, scratch);
            if (Interlocked.Increment(ref _done) != _blocks) continue;
            lock (_finished) Monitor.PulseAll(_finished);
        }
    }

    // Until every block is done, whoever took it.
    private void Wait()
    {
        // The others are in their last block. Being woken takes as long as most of these take, so they are waited for awake.
        long start = Stopwatch.GetTimestamp();
        do
        {
            if (Volatile.Read(ref _done) == _blocks) return;
            Thread.SpinWait(SpinsBetweenLooks);
        }
        while (Stopwatch.GetElapsedTime(start) < s_awake);
        lock (_finished)
        {
            while (Volatile.Read(ref _done) != _blocks) Monitor.Wait(_finished);
        }
    }

    private Place? Take()
    {
        int block = Interlocked.Increment(ref _taken) - 1;
        if (block >= _blocks) return null;
        int item = Array.BinarySearch(_firstBlock, block);
        if (item < 0) item = ~item - 1;
        return new Place(item, block - _firstBlock[item]);
    }

    /// <summary>Merges one block.</summary>
    /// <param name="here">The block.</param>
    /// <param name="next">What the thread merges after it, if anything.</param>
    /// <param name="sameItem">Whether the thread's last block was of the same item: what that left in the scratch is still there.</param>
    /// <param name="scratch">The thread's own memory, 64-byte aligned.</param>
    protected abstract void Merge(Place here, Place? next, bool sameItem, float* scratch);

    /// <summary>A block: the item's index, and the block's number within it.</summary>
    protected readonly record struct Place(int Item, int Block);
}
