using System.Globalization;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Native;

/// <summary>The processor's cores that this process may use. A core that runs two threads at once counts once: they share its arithmetic.</summary>
internal static unsafe partial class ProcessorCores
{
    private const int ProcessorCore = 0; // RelationProcessorCore, winnt.h

    /// <summary>The number of cores, at most as many as processors that the system lets the process use.</summary>
    public static int Count { get; } = Math.Clamp(Physical(), 1, Environment.ProcessorCount);

    /// <summary>The threads that somebody asks for.</summary>
    /// <param name="asked">As many; 0 for one a core.</param>
    public static int Threads(int asked) => asked == 0 ? Count : asked;

    private static int Physical()
    {
        try
        {
            if (OperatingSystem.IsLinux()) return OnLinux("/sys/devices/system/cpu", File.ReadLines("/proc/self/status"));
            if (OperatingSystem.IsWindows()) return OnWindows();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException or EntryPointNotFoundException)
        {
            // A system that does not say has a core for each of its processors.
        }
        return Environment.ProcessorCount;
    }

    /// <summary>The cores of the processors that the process may run on.</summary>
    /// <param name="processors">The folder of the processors (Documentation/admin-guide/cputopology.rst).</param>
    /// <param name="status">The process's status (proc_pid_status(5)).</param>
    internal static int OnLinux(string processors, IEnumerable<string> status)
    {
        const string Allowed = "Cpus_allowed_list:";
        string line = status.FirstOrDefault(l => l.StartsWith(Allowed, StringComparison.Ordinal)) ?? throw new FormatException($"found no {Allowed}");
        string ranges = line[Allowed.Length..];
        return Numbers(ranges).Select(cpu => File.ReadAllText(Path.Combine(processors, $"cpu{cpu}", "topology", "thread_siblings_list"))).Distinct(StringComparer.Ordinal).Count();
    }

    // "0-3,8"
    private static IEnumerable<int> Numbers(string ranges)
    {
        foreach (string range in ranges.Split(',', StringSplitOptions.TrimEntries))
        {
            int[] ends = [.. range.Split('-').Select(end => int.Parse(end, NumberStyles.None, CultureInfo.InvariantCulture))];
            for (int cpu = ends[0]; cpu <= ends[^1]; cpu++) yield return cpu;
        }
    }

    private static int OnWindows()
    {
        uint length = 0;
        _ = GetLogicalProcessorInformation(null, &length); // says how long the answer is
        LogicalProcessors[] found = new LogicalProcessors[length / (uint)sizeof(LogicalProcessors)];
        fixed (LogicalProcessors* to = found)
            return GetLogicalProcessorInformation(to, &length) != 0 ? found.Count(f => f.Relationship == ProcessorCore) : Environment.ProcessorCount;
    }

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int GetLogicalProcessorInformation(LogicalProcessors* buffer, uint* length);

    /// <summary>SYSTEM_LOGICAL_PROCESSOR_INFORMATION (winnt.h): some processors, what they have in common, and 16 bytes about that.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct LogicalProcessors
    {
        private readonly nuint _mask;
        public readonly int Relationship;
        private readonly ulong _first;
        private readonly ulong _second;
    }
}
