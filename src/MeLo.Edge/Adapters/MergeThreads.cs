using System.Runtime.InteropServices;
using MeLo.Edge.Native;

namespace MeLo.Edge.Adapters;

/// <summary>
/// The threads that help with merges: a few, started when first needed, of their own so that a busy thread pool never delays a
/// switch. The caller always works too, so a merge finishes even if no helper ever comes.
/// </summary>
internal static class MergeThreads
{
    // Waking a thread costs some ten microseconds; below this much work for each, fewer threads are faster.
    private const long BytesPerThread = 512 << 10;

    private static readonly Lock s_start = new();
    private static readonly Queue<MergeJob> s_calls = new();
    private static readonly SemaphoreSlim s_waiting = new(0);
    private static readonly List<int> s_threads = new(Environment.ProcessorCount); // those that have begun to serve, as ThreadPlacement knows them
    private static int s_started;

    /// <summary>How many threads beside the caller are worth waking.</summary>
    /// <param name="threads">How many may work, the caller's included.</param>
    /// <param name="byteLength">The bytes of fp32 weights to go through.</param>
    public static int Helpers(int threads, long byteLength) =>
        (int)Math.Min(Math.Min(threads, Environment.ProcessorCount) - 1, byteLength / BytesPerThread);

    /// <summary>Asks up to <paramref name="helpers"/> threads to take part in the job.</summary>
    public static void Call(MergeJob job, int helpers)
    {
        lock (s_start)
        {
            while (s_started < helpers && TryStart()) s_started++;
            helpers = Math.Min(helpers, s_started);
            if (helpers == 0) return;
            s_calls.EnsureCapacity(s_calls.Count + helpers); // so that what follows cannot fail half-way
            for (int i = 0; i < helpers; i++) s_calls.Enqueue(job);
            ThreadPlacement.KeepOffThisProcessor(CollectionsMarshal.AsSpan(s_threads));
        }
        s_waiting.Release(helpers);
    }

    private static bool TryStart()
    {
        try
        {
            new Thread(Serve) { IsBackground = true, Name = $"melo-merge-{s_started}" }.Start();
            return true;
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            return false; // the system has no more threads: those that run, and the caller, do the work
        }
    }

    private static void Serve()
    {
        lock (s_start) s_threads.Add(ThreadPlacement.CurrentThread);
        while (true)
        {
            s_waiting.Wait();
            MergeJob job;
            lock (s_start) job = s_calls.Dequeue();
            job.Help();
        }
    }
}
