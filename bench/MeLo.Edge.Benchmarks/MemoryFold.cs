using System.Numerics;
using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The limit of a merge that quantises: as many bytes read, a quarter of them written, by the same number of threads, between buffers
/// that are already backed by memory. Each byte written is four bytes read, combined as cheaply as that can be.
/// </summary>
internal sealed unsafe class MemoryFold : IDisposable
{
    private const int Ratio = sizeof(float) / sizeof(sbyte);

    // What a thread writes before it takes the next block; it reads four times as much.
    private const long Block = 128 << 10;

    private readonly HostBuffer _from;
    private readonly HostBuffer _to;
    private readonly int _threads;

    public MemoryFold(long byteLength, int threads)
    {
        _from = new HostBuffer(byteLength);
        _to = new HostBuffer(byteLength / Ratio);
        _from.Prefault();
        _to.Prefault();
        _threads = threads;
    }

    public void Run()
    {
        long taken = 0;
        Parallel.For(0, _threads, new ParallelOptions { MaxDegreeOfParallelism = _threads }, _ =>
        {
            for (long at = Interlocked.Add(ref taken, Block) - Block; at < _to.ByteLength; at = Interlocked.Add(ref taken, Block) - Block)
                Fold(_from.Pointer + (at * Ratio), _to.Pointer + at, Math.Min(Block, _to.ByteLength - at));
        });
    }

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
    }

    private static void Fold(byte* from, byte* to, long length)
    {
        int count = Vector<byte>.Count;
        for (long at = 0; at <= length - count; at += count, from += Ratio * count)
            (Vector.Load(from) | Vector.Load(from + count) | Vector.Load(from + (2 * count)) | Vector.Load(from + (3 * count))).Store(to + at);
    }
}
