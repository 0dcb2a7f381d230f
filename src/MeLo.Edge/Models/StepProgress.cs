namespace MeLo.Edge.Models;

/// <summary>Counts what is done of one step of an import, and tells.</summary>
internal sealed class StepProgress(IProgress<BaseImportProgress>? progress, BaseImportStep step, long total)
{
    private long _done;

    public void Add(long amount)
    {
        _done += amount;
        progress?.Report(new BaseImportProgress(step, _done, total));
    }

    /// <summary>The same items, each counted once the next one is asked for.</summary>
    public IEnumerable<T> Counting<T>(IEnumerable<T> items)
    {
        foreach (T item in items)
        {
            yield return item;
            Add(1);
        }
    }
}
