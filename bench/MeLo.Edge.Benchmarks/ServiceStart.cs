using System.Diagnostics;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>One start of the published service on a data folder whose bundle it has activated before: a device that is switched on again, with a picture waiting.</summary>
internal static class ServiceStart
{
    private static int s_pictures;

    /// <returns><c>total</c>: until the result file is there; <c>exit</c>: until the process has ended.</returns>
    public static async Task<IReadOnlyDictionary<string, double>> MeasureAsync(string program, StartFiles files, Precision precision, CancellationToken cancellation)
    {
        // New content each time: what has a result already would not be computed again.
        string name = $"{++s_pictures}.png";
        await File.WriteAllBytesAsync(Path.Combine(files.Inbox, name), StartFiles.MakePicture(s_pictures), cancellation);
        long begun = Stopwatch.GetTimestamp();
        using Process process = Begin(program, files, precision);
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation), errors = process.StandardError.ReadToEndAsync(cancellation);
        double? answered = null;
        while (answered is null && !process.HasExited)
        {
            await Task.Delay(2, cancellation);
            if (Directory.Exists(files.Outbox) && Directory.EnumerateFiles(files.Outbox, $"{name}.*.json").Any())
                answered = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
        await process.WaitForExitAsync(cancellation);
        double ended = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        if (process.ExitCode != 0 || answered is not { } total)
            throw new InvalidOperationException($"The service gave no result and ended with exit code {process.ExitCode}: {await output}{await errors}");
        return new Dictionary<string, double> { ["total"] = total, ["exit"] = ended };
    }

    /// <summary>The service as a process that ends once everything that waits is done; the caller reads what it prints.</summary>
    public static Process Begin(string program, StartFiles files, Precision precision)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in new[] { "--data", files.Data, "--once" }) start.ArgumentList.Add(argument);
        start.Environment["MELO__Precision"] = precision.Name();
        return Process.Start(start)!;
    }
}
