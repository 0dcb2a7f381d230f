using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// One part of the benchmark 'gpu' in a process of its own: a driver that crashes or hangs takes that with it and nothing else.
/// </summary>
/// <param name="Name">Its name in the report.</param>
/// <param name="Start">The process; what it writes to standard output is one JSON object, or of no interest.</param>
internal sealed record GpuPart(string Name, ProcessStartInfo Start)
{
    /// <summary>What it found; null before it has run, where it failed, and where it is to print nothing.</summary>
    public JsonObject? Result { get; private set; }

    /// <summary>Why it failed; null where it did not.</summary>
    public string? Fault { get; private set; }

    public TimeSpan Took { get; private set; }

    /// <summary>Runs it; that it fails is a result too.</summary>
    public async Task RunAsync(TimeSpan limit, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            await RunAsync(Start, limit, cancellation);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or JsonException)
        {
            Fault = e.Message; // no such program, or one that prints something else
        }
        Took = Stopwatch.GetElapsedTime(start);
    }

    private async Task RunAsync(ProcessStartInfo start, TimeSpan limit, CancellationToken cancellation)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using Process process = Process.Start(start)!;
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        end.CancelAfter(limit);
        // Read to the end whatever happens: what it said before it was killed says where it was.
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None), errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        bool ended = true;
        try
        {
            await process.WaitForExitAsync(end.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            ended = false;
        }
        string said = Last(await errors), printed = await output;
        if (!ended) Fault = string.Create(CultureInfo.InvariantCulture, $"had not ended after {limit.TotalSeconds:F0} s{said}");
        else if (process.ExitCode != 0) Fault = $"exit code {process.ExitCode}{said}";
        else if (printed.Length > 0) Result = (JsonObject)JsonNode.Parse(printed)!;
    }

    // What it said it died of, else its last words.
    private static string Last(string errors)
    {
        string[] lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string? line = lines.LastOrDefault(l => l.StartsWith("error: ", StringComparison.Ordinal) || l.StartsWith("Unhandled exception", StringComparison.Ordinal)) ?? lines.LastOrDefault();
        return line is null ? "" : $": {line}";
    }
}
