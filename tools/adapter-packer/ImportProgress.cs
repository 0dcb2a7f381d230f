using MeLo.Edge.Models;
using Spectre.Console;

namespace AdapterPacker;

/// <summary>A progress bar on stderr, where that is a terminal; nothing in a pipe or a log.</summary>
internal static class ImportProgress
{
    private const double Whole = 100;

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
            .Start(context =>
            {
                ProgressTask task = context.AddTask("weights", maxValue: Whole);
                import(new Weights(task));
            });
    }

    // Reports in place: Progress<T> would post to the thread pool and come out of order.
    private sealed class Weights(ProgressTask task) : IProgress<BaseImportProgress>
    {
        public void Report(BaseImportProgress value) => task.Value = Whole * value.BytesWritten / value.BytesTotal;
    }
}
