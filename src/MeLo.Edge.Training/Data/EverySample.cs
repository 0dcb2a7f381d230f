using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace MeLo.Edge.Training.Data;

/// <summary>Work on samples side by side, whose faults are told together.</summary>
internal static class EverySample
{
    /// <summary>Does something to each.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="threads">The most threads, from 1; -1 for as many as there may be.</param>
    /// <param name="work">Is given a number from 0 to below <paramref name="count"/>, on any thread.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="DatasetException">Samples have faults; the message lists them in the samples' order, up to a limit.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Do(string source, int count, int threads, Action<int> work, CancellationToken cancellation)
    {
        ConcurrentDictionary<int, string> faults = [];
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation }, i =>
            {
                try
                {
                    work(i);
                }
                catch (DatasetException e)
                {
                    faults[i] = e.Fault;
                }
            });
        }
        catch (AggregateException e)
        {
            // What is no fault of a sample, such as a library that is not there, is the same for all of them.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        if (!faults.IsEmpty) throw DatasetException.Of(source, [.. faults.OrderBy(f => f.Key).Select(f => f.Value)]);
    }
}
