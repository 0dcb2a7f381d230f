using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Hosting;
using Spectre.Console;

namespace MeLo.Edge.Service.Reporting;

/// <summary>Shows how far <c>--once</c> has come: a bar where there is a terminal, else a line now and then. Counts only.</summary>
internal sealed class ProgressDisplay(DeviceState state, ServiceMetrics metrics, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan s_terminalInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_lineInterval = TimeSpan.FromSeconds(1);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Terminal.IsInteractive ? ShowBarAsync(stoppingToken) : PrintLinesAsync(stoppingToken);

    private async Task ShowBarAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask("loading the model");
                while (!stoppingToken.IsCancellationRequested)
                {
                    Update(bar);
                    await Quietly(Task.Delay(s_terminalInterval, time, stoppingToken));
                }
                Update(bar);
                bar.Value = bar.MaxValue;
            });
    }

    private async Task PrintLinesAsync(CancellationToken stoppingToken)
    {
        string printed = "";
        while (!stoppingToken.IsCancellationRequested)
        {
            await Quietly(Task.Delay(s_lineInterval, time, stoppingToken));
            string line = Line();
            if (line != printed) await Console.Out.WriteLineAsync(line);
            printed = line;
        }
    }

    private void Update(ProgressTask bar)
    {
        if (state.Device is Device device)
        {
            (long settled, long all) = Counts(device);
            bar.MaxValue = Math.Max(1, all);
            bar.Value = settled;
        }
        bar.Description = Markup.Escape(Line());
    }

    private string Line()
    {
        if (state.Device is not Device device) return state.IsReady ? "stopping" : "loading the model";
        (long settled, long all) = Counts(device);
        return $"{settled} of {all} files settled, {device.Tasks.All.Count} tasks active, {metrics.Refused} bundles refused";
    }

    private (long Settled, long All) Counts(Device device) => Counts(state.Scan, device.Inbox);

    /// <summary>How many files are settled, and how many there are, those of the latest scan that wait included.</summary>
    internal static (long Settled, long All) Counts(InboxScan scan, Inbox inbox)
    {
        // What the last scan took may have been settled since; what is in work now is known by itself. A result that is committed and not delivered yet is in work.
        (long settled, int inWork) = inbox.Counts;
        return (settled, settled + inWork + scan.Files - scan.Queued - scan.InWork);
    }

    private static async Task Quietly(Task wait)
    {
        try { await wait; }
        catch (OperationCanceledException) { /* the loop's condition sees it */ }
    }
}
