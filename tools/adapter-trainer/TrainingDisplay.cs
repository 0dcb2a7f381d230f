using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Reports;
using Spectre.Console;

namespace AdapterTrainer;

/// <summary>Training as it goes on, on stderr: a bar for the epoch that runs, where that is a terminal, and a line for each that has ended.</summary>
internal static class TrainingDisplay
{
    private static readonly TimeSpan s_seldom = TimeSpan.FromSeconds(10);

    /// <summary>Shows the training.</summary>
    /// <param name="error">Where the lines go when there is no terminal.</param>
    /// <param name="train">Does it.</param>
    public static T Show<T>(TextWriter error, Func<IProgress<TrainingProgress>, T> train) => IsTerminal(error) ? WithBar((task, console) => train(new Bar(task, console))) : train(new Lines(error));

    /// <summary>Shows how the samples are made ready.</summary>
    /// <param name="error">Where the lines go when there is no terminal; one now and then, where it takes long.</param>
    /// <param name="prepare">Does it.</param>
    public static T Prepare<T>(TextWriter error, Func<IProgress<PreparationProgress>, T> prepare) => IsTerminal(error) ? WithBar((task, _) => prepare(new PreparationBar(task))) : prepare(new PreparationLines(error));

    private static bool IsTerminal(TextWriter error) => !Console.IsErrorRedirected && ReferenceEquals(error, Console.Error);

    private static T WithBar<T>(Func<ProgressTask, IAnsiConsole, T> work)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .Start(context => work(context.AddTask("training"), console));
    }

    private static string Line(EpochRecord epoch, TrainingProgress progress) => string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {epoch.Epoch,3} of {progress.Epochs}: loss {epoch.TrainLoss:F4}, validation loss {epoch.ValidationLoss:F4}, AUC {epoch.ValidationAuc:F4}, {progress.SamplesPerSecond:F1} samples/s, {Time(progress.Left)} left");

    private static string Time(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";

    private sealed class Lines(TextWriter error) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Ended is { } epoch) error.WriteLine(Line(epoch, value));
        }
    }

    private sealed class PreparationLines(TextWriter error) : IProgress<PreparationProgress>
    {
        private readonly Lock _lock = new();
        private long _last = Stopwatch.GetTimestamp();

        // From any thread.
        public void Report(PreparationProgress value)
        {
            lock (_lock)
            {
                if (Stopwatch.GetElapsedTime(_last) < s_seldom) return;
                _last = Stopwatch.GetTimestamp();
                error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{value.What}: {value.Done} of {value.Samples}"));
            }
        }
    }

    private sealed class PreparationBar(ProgressTask task) : IProgress<PreparationProgress>
    {
        private readonly Lock _lock = new();

        public void Report(PreparationProgress value)
        {
            lock (_lock) (task.Description, task.MaxValue, task.Value) = (value.What, value.Samples, value.Done);
        }
    }

    private sealed class Bar(ProgressTask task, IAnsiConsole console) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Ended is { } epoch) console.WriteLine(Line(epoch, value));
            task.Description = string.Create(CultureInfo.InvariantCulture, $"epoch {value.Epoch}: loss {value.Loss:F4}, {value.SamplesPerSecond:F1} samples/s, {Time(value.Left)} left");
            task.MaxValue = value.Samples;
            task.Value = value.Done;
        }
    }
}
