using MeLo.Edge.Bundles;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeLo.Edge.Tests.Hosting;

/// <summary>What is there at the start comes to rest while the model is loaded; what changes meanwhile does not.</summary>
public sealed class StableFilesTests : IDisposable
{
    private readonly TemporaryFolder _root = new();
    private readonly FakeTime _time = new();
    private readonly DataFolder _folder;
    private readonly JobSchedule _schedule;

    public StableFilesTests()
    {
        _folder = new DataFolder(_root.Root);
        _folder.Create();
        _folder.CreateTask("tb");
        _schedule = new JobSchedule(TimeSpan.FromSeconds(10), 8, new DeviceCosts(), _time);
    }

    public void Dispose()
    {
        _schedule.Dispose();
        _root.Dispose();
    }

    [Fact]
    public void FilesThatWereThereAtTheStart_AreTakenByTheFirstScanAfterTheInterval()
    {
        string routine = Drop("x.png"), urgent = Drop(Path.Combine(DataFolder.StatName, "y.png"));
        StableFiles stable = Look();
        _time.Advance(0.4);
        InboxScan early = Scan(stable);
        Assert.Equal((2, TimeSpan.FromMilliseconds(600)), (early.Settling, early.SettlesIn));
        _time.Advance(0.6);
        Assert.Equal(2, Scan(stable).Queued);
        Assert.True(File.Exists(routine) && File.Exists(urgent));
    }

    [Fact]
    public void FileThatChangedWhileTheModelWasLoaded_StartsAnew()
    {
        string path = Drop("x.png");
        StableFiles stable = Look();
        _time.Advance(5);
        File.AppendAllText(path, "more");
        Drop("new.png");
        InboxScan scan = Scan(stable);
        Assert.Equal((2, TimeSpan.FromSeconds(1)), (scan.Settling, scan.SettlesIn));
    }

    [Fact]
    public void KeysThatWereThereAtTheStart_AreReadByTheFirstLookAfterTheInterval()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        string path = Path.Combine(_folder.Trust, "key.pem");
        File.WriteAllText(path, key.ExportPublicPem());
        StableFiles stable = Look();
        TrustFolder trust = new(_folder.Trust, stable.Trust, new Conditions(), NullLogger.Instance);
        _time.Advance(0.4);
        Assert.False(trust.Refresh());
        Assert.Equal((true, TimeSpan.FromMilliseconds(600)), (trust.IsSettling, trust.SettlesIn));
        _time.Advance(0.6);
        Assert.True(trust.Refresh());
        Assert.Equal(1, trust.Store!.KeyCount);
    }

    [Fact]
    public void FolderThatCannotBeRead_DoesNotKeepTheOthersFromComingToRest()
    {
        Directory.Delete(_folder.Trust);
        Drop("x.png");
        StableFiles stable = Look();
        _time.Advance(1);
        Assert.Equal(1, Scan(stable).Queued);
    }

    private StableFiles Look() => new(_folder, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), _time);

    private InboxScan Scan(StableFiles stable) => new Inbox(_folder.Inbox, stable.Inbox, _schedule, _time).Scan(_ => true, takeNothing: false);

    private string Drop(string name)
    {
        string path = Path.Combine(_folder.Inbox, "tb", name);
        File.WriteAllText(path, "a");
        return path;
    }
}
