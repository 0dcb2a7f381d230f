using MeLo.Edge.Models;
using Spectre.Console;

namespace AdapterPacker;

/// <summary>A progress bar for each step on stderr, where that is a terminal; nothing in a pipe or a log.</summary>
internal static class ImportProgress
{
    public static void Show(Action<IProgress<BaseImportProgress>?> import)
    {
        if (Console.IsErrorRedirected)
        {
            import(null);
            return;
        }
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => import(new Bars(context)));
    }

    // Reports in place: Progress<T> would post to the thread pool and come out of order.
    private sealed class Bars(ProgressContext context) : IProgress<BaseImportProgress>
    {
        private readonly Dictionary<BaseImportStep, ProgressTask> _bars = [];

        public void Report(BaseImportProgress value)
        {
            if (!_bars.TryGetValue(value.Step, out ProgressTask? bar)) _bars.Add(value.Step, bar = context.AddTask(Name(value.Step), maxValue: value.Total));
            bar.Value = value.Done;
        }

        private static string Name(BaseImportStep step) => step switch
        {
            BaseImportStep.Pictures => "pictures",
            BaseImportStep.Weights => "weights",
            BaseImportStep.Calibration => "calibration",
            BaseImportStep.Quantization => "int8 weights",
            _ => throw new ArgumentOutOfRangeException(nameof(step)),
        };
    }
}
