namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Lets several images be decoded at a time, or one alone: an image that the process died with is decoded alone, so that the blame falls on
/// nobody else if it dies again.
/// </summary>
internal sealed class DecodeGate(int parallel) : IDisposable
{
    private readonly SemaphoreSlim _places = new(parallel);
    private readonly SemaphoreSlim _alone = new(1);

    /// <summary>Waits for a place, or for all of them; disposing the return value gives them back.</summary>
    public async Task<IDisposable> EnterAsync(bool alone, CancellationToken cancellationToken)
    {
        int taken = 0;
        if (alone) await _alone.WaitAsync(cancellationToken);
        try
        {
            for (int needed = alone ? parallel : 1; taken < needed; taken++) await _places.WaitAsync(cancellationToken);
            return new Place(this, taken);
        }
        catch
        {
            if (taken > 0) _places.Release(taken);
            throw;
        }
        finally
        {
            if (alone) _alone.Release(); // only one at a time collects all places, or two would wait for each other
        }
    }

    public void Dispose()
    {
        _places.Dispose();
        _alone.Dispose();
    }

    private sealed class Place(DecodeGate gate, int count) : IDisposable
    {
        private int _count = count;

        public void Dispose()
        {
            int count = Interlocked.Exchange(ref _count, 0);
            if (count > 0) gate._places.Release(count);
        }
    }
}
