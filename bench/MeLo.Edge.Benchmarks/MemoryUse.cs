using System.Globalization;

namespace MeLo.Edge.Benchmarks;

/// <summary>What a process holds of the machine's memory, with so many tasks ready.</summary>
internal sealed record MemoryUse(int Tasks, long Resident, long Anonymous)
{
    private const string Rollup = "/proc/self/smaps_rollup";

    public double ResidentMegabytes => Resident / 1e6;

    public double AnonymousMegabytes => Anonymous / 1e6;

    /// <summary>This process, now: on Linux the kernel's own sums; elsewhere the working set and the private bytes.</summary>
    public static MemoryUse Now(int tasks) => File.Exists(Rollup)
        ? new MemoryUse(tasks, Kernel("Rss:"), Kernel("Anonymous:"))
        : new MemoryUse(tasks, Environment.WorkingSet, System.Diagnostics.Process.GetCurrentProcess().PrivateMemorySize64);

    // "Rss:     123456 kB"
    private static long Kernel(string field)
    {
        string line = File.ReadLines(Rollup).First(l => l.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
