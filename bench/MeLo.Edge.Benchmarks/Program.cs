using System.CommandLine;
using MeLo.Edge;
using MeLo.Edge.Benchmarks;

// The process whose start is measured does not build a command line first.
if (args is [StartProbe.Command, .. string[] start]) return await StartProbe.RunAsync(start);
RootCommand root = new("""
    Measures MeLo Edge beside what a user would do without it. Every side of a comparison runs interleaved with the others in one process;
    the figures are medians, and the ratios are what to look at: absolute times move with the machine.
    """);
root.Subcommands.Add(SwitchBenchmark.Command());
root.Subcommands.Add(InferenceBenchmark.Command());
root.Subcommands.Add(AccuracyBenchmark.Command());
root.Subcommands.Add(QuantizedMergeBenchmark.Command());
root.Subcommands.Add(StreamBenchmark.Command());
root.Subcommands.Add(MemoryBenchmark.Command());
root.Subcommands.Add(MemoryProbe.Command());
root.Subcommands.Add(StartBenchmark.Command());
root.Subcommands.Add(PreprocessBenchmark.Command());
root.Subcommands.Add(DicomBenchmark.Command());
root.Subcommands.Add(ThreadsBenchmark.Command());
root.Subcommands.Add(BatchBenchmark.Command());
root.Subcommands.Add(ExplainBenchmark.Command());
root.Subcommands.Add(TrainBenchmark.Command());
root.Subcommands.Add(TrainProbe.Command());
root.Subcommands.Add(GpuBenchmark.Command());
root.Subcommands.Add(GpuBenchmark.DeviceCommand());
root.Subcommands.Add(GpuBenchmark.GenerateCommand());
try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (MeLoException e)
{
    // A provider that is not here, a base that does not fit: that is said in the message, and where it happened says nothing more.
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
