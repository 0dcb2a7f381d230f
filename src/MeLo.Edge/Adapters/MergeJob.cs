using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Adapters;

/// <summary>
/// One call of <see cref="LoraMerge"/>, cut into blocks of rows that any number of threads take one after the other.
/// Every block belongs to exactly one thread and every element to one block, so the result does not depend on who took what.
/// </summary>
internal sealed unsafe class MergeJob
{
    /// <summary>Rows of one block: large enough that packing B again for each block is lost beside the rows, small enough to share fairly.</summary>
    private const int BlockRows = 192;

    // A result that is larger than the caches goes past them; a smaller one is worth keeping there for the run that follows.
    private const long StreamingThreshold = 4 << 20;

    private const int ScratchAlignment = 64;

    private readonly LoraMergeItem[] _items;
    private readonly int[] _firstBlock;
    private readonly int _blocks;
    private readonly long _scratchLength;
    private readonly bool _stream;
    private readonly MergePath _path;
    private readonly object _finished = new();
    private int _taken;
    private int _done;

    public MergeJob(ReadOnlySpan<LoraMergeItem> items, MergePath path)
    {
        _items = items.ToArray();
        _path = path;
        _firstBlock = new int[items.Length];
        for (int i = 0; i < _items.Length; i++)
        {
            LoraPair pair = _items[i].Pair;
            _firstBlock[i] = _blocks;
            _blocks += (pair.InFeatures + BlockRows - 1) / BlockRows;
            ByteLength += (long)pair.InFeatures * pair.OutFeatures * sizeof(float);
            _scratchLength = Math.Max(_scratchLength, MergeKernel.ScratchLength(pair, Lanes(path)));
        }
        _stream = ByteLength >= StreamingThreshold;
    }

    /// <summary>The bytes of all destinations together.</summary>
    public long ByteLength { get; }

    /// <summary>Merges every block, with the help of up to <paramref name="helpers"/> threads.</summary>
    /// <exception cref="OutOfMemoryException">There is no scratch memory; then nothing was written, and nobody will write.</exception>
    public void Run(int helpers)
    {
        // Before any helper is called: an exception must not leave the destinations to their owner while others still write.
        float* scratch = AllocateScratch();
        try
        {
            if (helpers > 0) MergeThreads.Call(this, helpers);
            Work(scratch);
            Wait();
        }
        finally
        {
            NativeMemory.AlignedFree(scratch);
        }
    }

    /// <summary>Takes part until no block is left; returns at once when there is none.</summary>
    public void Help()
    {
        if (Volatile.Read(ref _taken) >= _blocks) return;
        float* scratch;
        try
        {
            scratch = AllocateScratch();
        }
        catch (OutOfMemoryException)
        {
            return; // no block was taken: the caller merges them all
        }
        try
        {
            Work(scratch);
        }
        finally
        {
            NativeMemory.AlignedFree(scratch);
        }
    }

    private float* AllocateScratch() => (float*)NativeMemory.AlignedAlloc((nuint)(_scratchLength * sizeof(float)), ScratchAlignment);

    private void Work(float* scratch)
    {
        for (int block = Take(); block < _blocks; block = Take())
        {
            Merge(block, scratch);
            if (Interlocked.Increment(ref _done) != _blocks) continue;
            lock (_finished) Monitor.PulseAll(_finished);
        }

        int Take() => Interlocked.Increment(ref _taken) - 1;
    }

    // Until every block is done, whoever took it.
    private void Wait()
    {
        // The others are in their last block: most often this ends while spinning.
        SpinWait spin = default;
        while (!spin.NextSpinWillYield)
        {
            if (Volatile.Read(ref _done) == _blocks) return;
            spin.SpinOnce();
        }
        lock (_finished)
        {
            while (Volatile.Read(ref _done) != _blocks) Monitor.Wait(_finished);
        }
    }

    private void Merge(int block, float* scratch)
    {
        int index = Array.BinarySearch(_firstBlock, block);
        if (index < 0) index = ~index - 1;
        ref readonly LoraMergeItem item = ref _items[index];
        int first = (block - _firstBlock[index]) * BlockRows;
        int rows = Math.Min(BlockRows, item.Pair.InFeatures - first);
        switch (_path)
        {
            case MergePath.Vector512: MergeKernel.Rows<MergeLanes512, Vector512<float>>(item, first, rows, scratch, _stream); break;
            case MergePath.Vector256: MergeKernel.Rows<MergeLanes256, Vector256<float>>(item, first, rows, scratch, _stream); break;
            case MergePath.Vector128: MergeKernel.Rows<MergeLanes128, Vector128<float>>(item, first, rows, scratch, _stream); break;
            default: MergeScalar.Rows(item, first, rows); break;
        }
    }

    private static int Lanes(MergePath path) => path switch
    {
        MergePath.Vector512 => Vector512<float>.Count,
        MergePath.Vector256 => Vector256<float>.Count,
        MergePath.Vector128 => Vector128<float>.Count,
        _ => 1,
    };
}
