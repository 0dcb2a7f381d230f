using System.Diagnostics;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>The published service working through pictures that wait in its inbox: journal, result files and moves included.</summary>
internal static class ServiceStream
{
    /// <returns>The milliseconds from one result file to the next, on average over the second half: a service runs for months, and not with code that is still being compiled.</returns>
    public static async Task<double> MeasureAsync(string program, StartFiles files, Precision precision, int count, CancellationToken cancellation)
    {
        // New content each time: what has a result already would not be computed again.
        for (int i = 0; i < count; i++)
            await File.WriteAllBytesAsync(Path.Combine(files.Inbox, $"{Guid.NewGuid():N}.png"), StartFiles.MakePicture(Random.Shared.Next()), cancellation);
        DateTime begun = DateTime.UtcNow;
        using Process process = ServiceStart.Begin(program, files, precision);
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation), errors = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        DateTime[] results = [.. new DirectoryInfo(files.Outbox).EnumerateFiles("*.json").Select(f => f.LastWriteTimeUtc).Where(at => at > begun).Order()];
        if (process.ExitCode != 0 || results.Length != count)
            throw new InvalidOperationException($"The service gave {results.Length} of {count} results and ended with exit code {process.ExitCode}: {await output}{await errors}");
        return (results[^1] - results[count / 2]).TotalMilliseconds / (count - 1 - (count / 2));
    }
}
