using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>The limit of a merge: the same bytes copied by the same number of threads, between buffers that are already backed by memory.</summary>
internal sealed unsafe class MemoryCopy : IDisposable
{
    // Blocks that threads take in turn, as the merge's are.
    private const long Block = 512 << 10;

    private readonly HostBuffer _from;
    private readonly HostBuffer _to;
    private readonly int _threads;

    public MemoryCopy(long byteLength, int threads)
    {
        _from = new HostBuffer(byteLength);
        _to = new HostBuffer(byteLength);
        _from.Prefault();
        _to.Prefault();
        _threads = threads;
    }

    public void Run()
    {
        long taken = 0;
        Parallel.For(0, _threads, new ParallelOptions { MaxDegreeOfParallelism = _threads }, _ =>
        {
            for (long at = Interlocked.Add(ref taken, Block) - Block; at < _from.ByteLength; at = Interlocked.Add(ref taken, Block) - Block)
            {
                long length = Math.Min(Block, _from.ByteLength - at);
                Buffer.MemoryCopy(_from.Pointer + at, _to.Pointer + at, length, length);
            }
        });
    }

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
    }
}
