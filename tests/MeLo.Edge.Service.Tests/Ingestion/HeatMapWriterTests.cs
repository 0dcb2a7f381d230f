using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Options;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Tests.Ingestion;

/// <summary>Results that cannot have a heat map, or not now.</summary>
public sealed class HeatMapWriterTests : IDisposable
{
    private static readonly DemoTask s_task = DemoTask.All[0];

    private readonly Installation _installation = new();
    private readonly EdgeEngine _engine;
    private readonly InstalledTask _installed;
    private readonly InstalledTasks _tasks = new();
    private readonly JobJournal _journal;
    private readonly Lines _log = new();

    public HeatMapWriterTests()
    {
        _engine = EdgeEngine.Load(_installation.Data.Base, new EdgeEngineOptions { Threads = 1 });
        _installed = _engine.Install(Bundle.Open(Installation.Bundle(s_task, 1), TrustStore.FromKey(Installation.Key), s_task.Name));
        _tasks.Publish(_installed);
        _journal = new JobJournal(_installation.Data.Journal, TimeProvider.System);
        Directory.CreateDirectory(Path.Combine(_installation.Data.Outbox, s_task.Name));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _journal.Dispose();
        _engine.Dispose();
        _installation.Dispose();
    }

    [Fact]
    public async Task BundleThatIsNoLongerActive_LeavesTheResultWithout()
    {
        (InboxFile file, Job job) = await AnsweredAsync();
        _tasks.Retire(s_task.Name);
        await Writer().WriteAsync(file, job, Cancellation);
        Assert.Empty(_installation.Outbox(s_task.Name));
        Assert.Contains("no longer active", Assert.Single(_log.Said), StringComparison.Ordinal);
    }

    [Fact]
    public async Task InputThatIsGoneOrAnother_LeavesTheResultWithout()
    {
        (InboxFile file, Job job) = await AnsweredAsync();
        File.WriteAllBytes(file.Path, Installation.Picture(2));
        await Writer().WriteAsync(file, job, Cancellation);
        File.Delete(file.Path);
        await Writer().WriteAsync(file, job, Cancellation);
        Assert.Empty(_installation.Outbox(s_task.Name));
        Assert.Equal(2, _log.Said.Count(l => l.Contains("no longer there", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task ProcessThatEndedInItThreeTimes_DoesNotTryAgain()
    {
        (InboxFile file, Job job) = await AnsweredAsync();
        for (int i = 0; i < JobJournal.MaximumAttempts; i++) Assert.True(_journal.TryExplain(job));
        await Writer().WriteAsync(file, job, Cancellation);
        Assert.Empty(_installation.Outbox(s_task.Name));
        Assert.Contains("ended 3 times", Assert.Single(_log.Said), StringComparison.Ordinal);
        _journal.EndExplaining(job);
        await Writer().WriteAsync(file, job, Cancellation);
        Assert.Single(_installation.Outbox(s_task.Name));
        Assert.Equal(0, _journal.Find(job.Key)!.Attempts);
    }

    [Fact]
    public async Task FolderThatCannotBeWritten_IsTriedAgain_AndAStopIsNoAttempt()
    {
        (InboxFile file, Job job) = await AnsweredAsync();
        Directory.Delete(Path.Combine(_installation.Data.Outbox, s_task.Name));
        await Assert.ThrowsAnyAsync<IOException>(() => Writer().WriteAsync(file, job, Cancellation));
        Directory.CreateDirectory(Path.Combine(_installation.Data.Outbox, s_task.Name));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Writer().WriteAsync(file, job, new CancellationToken(canceled: true)));
        Assert.Equal(0, _journal.Find(job.Key)!.Attempts);
        Assert.Empty(_log.Said);
        await Writer().WriteAsync(file, job, Cancellation);
        Assert.Single(_installation.Outbox(s_task.Name));
    }

    private HeatMapWriter Writer() =>
        new(_installation.Data.Outbox, _engine, _tasks, _journal, new StallWatch(TimeSpan.FromMinutes(2), TimeProvider.System), new ServiceOptions { HeatMap = HeatMapFiles.Png }, _log);

    private async Task<(InboxFile, Job)> AnsweredAsync()
    {
        byte[] picture = Installation.Picture(1);
        string path = _installation.Drop(s_task.Name, "a.png", picture);
        Job job = _journal.Claim(new JobKey(s_task.Name, Processes.Settlement.Sha256(picture), _installed.BundleDigest), "a.png");
        Prediction answer = await _engine.PredictAsync(_installed, _engine.Prepare(_installed, picture), Cancellation);
        return (new InboxFile(s_task.Name, "a.png", path, default), _journal.Complete(job, ResultDocument.Write(answer, "a.png", job.Key.Input, TimeSpan.Zero, DateTimeOffset.UnixEpoch), 1));
    }

    private sealed class Lines : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Add(formatter(state, exception));
    }
}
