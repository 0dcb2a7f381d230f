using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

/// <summary>An image that arrives in a simulated day.</summary>
internal sealed record Arrival(double Seconds, string Task, Priority Priority = Priority.Routine);

/// <summary>Arrival patterns, made from seeds: the same ones on every machine. A device that needs 100 ms an image is assumed.</summary>
internal static class Arrivals
{
    public static readonly string[] Patterns = ["steady", "bursts", "morning", "stat"];

    public static Arrival[] Of(string pattern) =>
    [
        .. (pattern switch
        {
            "steady" => Poisson(1, 120, _ => 8, Tasks(4)),
            "bursts" => Poisson(2, 120, _ => 3, Tasks(4)).Concat(Bursts()),
            "morning" => Poisson(3, 180, t => t is > 40 and < 100 ? 12 : 4, Tasks(8)),
            "stat" => Poisson(4, 4, _ => 100, Tasks(4)).Concat(Poisson(5, 60, _ => 0.5, Tasks(4)).Select(a => a with { Priority = Priority.Stat })),
            _ => throw new ArgumentOutOfRangeException(nameof(pattern)),
        }).OrderBy(a => a.Seconds),
    ];

    private static string[] Tasks(int count) => [.. Enumerable.Range(0, count).Select(i => $"task-{i}")];

    // A study of 60 images of one modality every 20 s.
    private static IEnumerable<Arrival> Bursts() =>
        Enumerable.Range(0, 6).SelectMany(burst => Enumerable.Range(0, 60).Select(i => new Arrival((20 * burst) + (0.01 * i), $"task-{burst % 4}")));

    private static IEnumerable<Arrival> Poisson(int seed, double seconds, Func<double, double> perSecond, string[] tasks)
    {
        Random random = new(seed);
        for (double t = 0; ;)
        {
            t -= Math.Log(1 - random.NextDouble()) / perSecond(t);
            if (t >= seconds) yield break;
            yield return new Arrival(t, tasks[random.Next(tasks.Length)]);
        }
    }
}
