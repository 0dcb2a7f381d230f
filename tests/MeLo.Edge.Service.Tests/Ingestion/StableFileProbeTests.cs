using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public class StableFileProbeTests
{
    private readonly FakeTime _time = new();

    [Fact]
    public void UnchangedForTheInterval_IsStable()
    {
        StableFileProbe probe = new(TimeSpan.FromSeconds(1), _time);
        FileStamp stamp = new(10, 5, 1);
        Assert.False(Scan(probe, stamp));
        _time.Advance(0.9);
        Assert.False(Scan(probe, stamp));
        _time.Advance(0.1);
        Assert.True(Scan(probe, stamp));
    }

    [Theory]
    [InlineData(11, 5, 1)]
    [InlineData(10, 6, 1)]
    [InlineData(10, 5, 2)]
    public void AnyChange_StartsTheIntervalAnew(long length, long modified, ulong inode)
    {
        StableFileProbe probe = new(TimeSpan.FromSeconds(1), _time);
        Scan(probe, new FileStamp(10, 5, 1));
        _time.Advance(5);
        FileStamp changed = new(length, modified, inode);
        Assert.False(Scan(probe, changed));
        _time.Advance(1);
        Assert.True(Scan(probe, changed));
    }

    [Fact]
    public void FileThatWasAway_StartsAnew()
    {
        StableFileProbe probe = new(TimeSpan.FromSeconds(1), _time);
        FileStamp stamp = new(10, 5, 1);
        Scan(probe, stamp);
        _time.Advance(2);
        probe.EndScan(); // a scan that did not see it
        Assert.False(Scan(probe, stamp));
    }

    [Fact]
    public void UntilStable_IsTheFirstFilesRest_InWholeMilliseconds()
    {
        StableFileProbe probe = new(TimeSpan.FromSeconds(1), _time);
        Assert.Equal(TimeSpan.MaxValue, probe.UntilStable);
        FileStamp stamp = new(10, 5, 1);
        probe.IsStable("/inbox/a/x.png", stamp);
        _time.Advance(0.3004);
        probe.IsStable("/inbox/a/x.png", stamp);
        probe.IsStable("/inbox/a/later.png", stamp);
        probe.EndScan();
        Assert.Equal(TimeSpan.FromMilliseconds(700), probe.UntilStable);
        _time.Advance(0.7);
        probe.IsStable("/inbox/a/x.png", stamp);
        probe.IsStable("/inbox/a/later.png", stamp);
        probe.EndScan();
        Assert.Equal(TimeSpan.FromMilliseconds(300), probe.UntilStable);
        _time.Advance(0.3);
        probe.IsStable("/inbox/a/x.png", stamp);
        probe.IsStable("/inbox/a/later.png", stamp);
        probe.EndScan();
        Assert.Equal(TimeSpan.MaxValue, probe.UntilStable);
    }

    [Fact]
    public void NoInterval_IsStableAtOnce()
    {
        StableFileProbe probe = new(TimeSpan.Zero, _time);
        Assert.True(Scan(probe, new FileStamp(10, 5, 1)));
        Assert.Equal(TimeSpan.MaxValue, probe.UntilStable);
    }

    private static bool Scan(StableFileProbe probe, FileStamp stamp)
    {
        bool stable = probe.IsStable("/inbox/a/x.png", stamp);
        probe.EndScan();
        return stable;
    }
}
