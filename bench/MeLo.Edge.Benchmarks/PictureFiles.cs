using System.Diagnostics;
using System.Threading.Channels;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Benchmarks;

/// <summary>Pictures on disk, and the way from there to logits: one picture after the other, or the next ones prepared while one runs, as the service does.</summary>
internal sealed class PictureFiles
{
    /// <summary>How many prepared pictures may wait, as in the service.</summary>
    private const int PreparedAhead = 2;

    private readonly string[] _paths;

    /// <param name="folder">Where they are written.</param>
    /// <param name="count">How many.</param>
    /// <param name="side">Pixels a side, 8-bit RGB.</param>
    public PictureFiles(string folder, int count, int side)
    {
        Directory.CreateDirectory(folder);
        _paths = [.. Enumerable.Range(0, count).Select(i => Path.Combine(folder, $"{side}-{i}.png"))];
        for (int i = 0; i < count; i++) File.WriteAllBytes(_paths[i], PreprocessBenchmark.Png(side, bitDepth: 8, colourType: 2, channels: 3, seed: i + 1));
    }

    /// <summary>Reads and prepares each in turn; the milliseconds that one took.</summary>
    public double Prepare(EdgeEngine engine, InstalledTask task)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (string path in _paths) engine.Prepare(task, File.ReadAllBytes(path));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / _paths.Length;
    }

    /// <summary>Nothing overlaps.</summary>
    public async Task RunInTurnAsync(EdgeEngine engine, InstalledTask task, CancellationToken cancellation)
    {
        foreach (string path in _paths) await engine.PredictAsync(task.Task, path, cancellation);
    }

    /// <summary>While one picture runs, another thread reads and prepares the next.</summary>
    public async Task RunOverlappedAsync(EdgeEngine engine, InstalledTask task, CancellationToken cancellation)
    {
        Channel<PreparedImage> prepared = Channel.CreateBounded<PreparedImage>(PreparedAhead);
        Task preparing = Task.Run(PrepareAllAsync, cancellation);
        await foreach (PreparedImage image in prepared.Reader.ReadAllAsync(cancellation)) await engine.PredictAsync(task, image, cancellation);
        await preparing;

        async Task PrepareAllAsync()
        {
            try
            {
                foreach (string path in _paths) await prepared.Writer.WriteAsync(engine.Prepare(task, File.ReadAllBytes(path)), cancellation);
            }
            finally
            {
                prepared.Writer.Complete();
            }
        }
    }
}
