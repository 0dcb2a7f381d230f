using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public sealed class FolderWatcherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private int _hints;
    private int _failures;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NewFileBelow_GivesAHint()
    {
        Directory.CreateDirectory(_folder["in", "tb", "x"]);
        using FolderWatcher watcher = Watch("in");
        File.WriteAllText(_folder["in", "tb", "x.png"], "a");
        Wait(() => _hints > 0);
    }

    [Fact]
    public void LostEvents_GiveAHint_AndAFreshWatcher()
    {
        Directory.CreateDirectory(_folder["in", "x"]);
        using FolderWatcher watcher = Watch("in");
        watcher.OnError();
        Assert.Equal((1, 1), (_failures, _hints));
        Assert.True(watcher.IsWatching);
        File.WriteAllText(_folder["in", "x.png"], "a");
        Wait(() => _hints > 1);
    }

    [Fact]
    public void FolderThatComesLater_IsWatchedFromTheNextScanOn()
    {
        using FolderWatcher watcher = Watch("later");
        Assert.False(watcher.IsWatching);
        Directory.CreateDirectory(_folder["later", "x"]);
        watcher.Watch();
        Assert.True(watcher.IsWatching);
        File.WriteAllText(_folder["later", "x.png"], "a");
        Wait(() => _hints > 0);
    }

    private FolderWatcher Watch(string name) =>
        new(Path.Combine(_folder.Root, name), withSubfolders: true, () => Interlocked.Increment(ref _hints), () => Interlocked.Increment(ref _failures));

    private static void Wait(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));
}
