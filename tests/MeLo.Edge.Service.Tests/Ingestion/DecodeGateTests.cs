using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public class DecodeGateTests
{
    [Fact]
    public async Task SuspectIsAlone_OthersAreNot()
    {
        using DecodeGate gate = new(3);
        int inside = 0, most = 0, mostBesideSuspect = 0;
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, async (i, cancelled) =>
        {
            bool alone = i % 10 == 0;
            using IDisposable place = await gate.EnterAsync(alone, cancelled);
            int now = Interlocked.Increment(ref inside);
            InterlockedMax(ref most, now);
            await Task.Delay(1, cancelled); // long enough for others to come in: after a mere yield each may be through before the next begins
            if (alone) InterlockedMax(ref mostBesideSuspect, Volatile.Read(ref inside));
            Interlocked.Decrement(ref inside);
        });
        Assert.InRange(most, 2, 3);
        Assert.Equal(1, mostBesideSuspect);
    }

    [Fact]
    public async Task CancelledEntry_GivesItsPlacesBack()
    {
        using DecodeGate gate = new(2);
        IDisposable first = await gate.EnterAsync(alone: false, CancellationToken.None);
        using (CancellationTokenSource cancel = new())
        {
            Task<IDisposable> suspect = gate.EnterAsync(alone: true, cancel.Token);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => suspect);
        }
        first.Dispose();
        first.Dispose(); // once is enough
        using IDisposable alone = await gate.EnterAsync(alone: true, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }
}
