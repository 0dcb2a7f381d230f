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

    private static bool Scan(StableFileProbe probe, FileStamp stamp)
    {
        bool stable = probe.IsStable("/inbox/a/x.png", stamp);
        probe.EndScan();
        return stable;
    }
}
