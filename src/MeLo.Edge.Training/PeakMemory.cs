using System.Globalization;

namespace MeLo.Edge.Training;

/// <summary>The most physical memory that this process has had, since <see cref="Reset"/> where the system allows that (Linux), else since its start.</summary>
internal static class PeakMemory
{
    private const string Status = "/proc/self/status", ClearReferences = "/proc/self/clear_refs";

    // proc(5): resets the high-water mark of the resident set size.
    private const string ResetHighWater = "5";

    /// <summary>In bytes.</summary>
    public static long Bytes
    {
        get
        {
            if (!File.Exists(Status)) return System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64;
            // "VmHWM:    123456 kB"
            string line = File.ReadLines(Status).First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return 1024 * long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Begins anew.</summary>
    public static void Reset()
    {
        // What earlier work left is given back, as far as it can be.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            if (File.Exists(ClearReferences)) File.WriteAllText(ClearReferences, ResetHighWater);
        }
        catch (UnauthorizedAccessException)
        {
            // The mark stays that of the whole process.
        }
    }
}
