using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Training;

namespace MeLo.Edge.Benchmarks;

/// <summary>Measures the memory of training steps in a process of its own: the parent starts this program again.</summary>
internal static class TrainProbe
{
    // What the first step took stays with the runtime; the later ones show whether they need more.
    private const int Steps = 3;

    public static Command Command()
    {
        Argument<string> folder = new("folder");
        Argument<TrainingMode> mode = new("mode");
        Argument<int> images = new("images");
        Argument<int> threads = new("threads");
        Command command = new("train-probe", "One measurement of memory of the benchmark 'train'.") { Hidden = true };
        foreach (Argument argument in new Argument[] { folder, mode, images, threads }) command.Arguments.Add(argument);
        command.SetAction(result =>
        {
            using TrainingStep step = new(result.GetValue(folder)!, result.GetValue(mode), result.GetValue(threads));
            for (int i = 0; i < Steps; i++) step.Run(result.GetValue(images));
            using Process self = Process.GetCurrentProcess();
            Console.WriteLine(self.PeakWorkingSet64.ToString(CultureInfo.InvariantCulture));
            return 0;
        });
        return command;
    }

    /// <summary>Starts the process.</summary>
    /// <returns>The most memory that it had in RAM at any time, in bytes: the high-water mark of its resident set, on Windows of its working set.</returns>
    public static async Task<long> MeasureAsync(string baseFolder, TrainingMode mode, int images, int threads, CancellationToken cancellation)
    {
        Progress.Show($"memory: {mode}, {images}");
        string found = await OwnProcess.RunAsync(
            ["train-probe", baseFolder, mode.ToString(), images.ToString(CultureInfo.InvariantCulture), threads.ToString(CultureInfo.InvariantCulture)], cancellation);
        return long.Parse(found, CultureInfo.InvariantCulture);
    }
}
