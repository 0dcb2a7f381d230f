using System.Globalization;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Reports;
using Spectre.Console;

namespace AdapterTrainer;

/// <summary>Training as it goes on, on stderr: a bar for the epoch that runs, where that is a terminal, and a line for each that has ended.</summary>
internal static class TrainingDisplay
{
    /// <summary>Shows it.</summary>
    /// <param name="error">Where the lines go when there is no terminal.</param>
    /// <param name="train">Does it.</param>
    public static T Show<T>(TextWriter error, Func<IProgress<TrainingProgress>, T> train)
    {
        if (Console.IsErrorRedirected || !ReferenceEquals(error, Console.Error)) return train(new Lines(error));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .Start(context => train(new Bar(context, console)));
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

    private sealed class Bar(ProgressContext context, IAnsiConsole console) : IProgress<TrainingProgress>
    {
        private readonly ProgressTask _task = context.AddTask("training");

        public void Report(TrainingProgress value)
        {
            if (value.Ended is { } epoch) console.WriteLine(Line(epoch, value));
            _task.Description = string.Create(CultureInfo.InvariantCulture, $"epoch {value.Epoch}: loss {value.Loss:F4}, {value.SamplesPerSecond:F1} samples/s, {Time(value.Left)} left");
            _task.MaxValue = value.Samples;
            _task.Value = value.Done;
        }
    }
}
