using System.Globalization;
using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Reports;

/// <summary>The charts of a report.</summary>
internal static class ReportCharts
{
    /// <summary>More lines than can be told apart.</summary>
    private const int MostRocCurves = 10;

    /// <summary>Loss and AUC by epoch, ROC, reliability: those that there is something for.</summary>
    public static IReadOnlyList<LineChart> Of(ReportContent content)
    {
        List<LineChart> charts = [];
        if (content.Epochs.Count > 0) charts.AddRange(Loss(content), Auc(content));
        if (content.Test.Classes.Any(c => c.Roc.Count > 0)) charts.Add(RocCurves(content));
        if (content.Test.Samples > 0) charts.Add(Reliability(content));
        return charts;
    }

    private static LineChart Loss(ReportContent content) => new()
    {
        Id = "loss",
        Title = "Loss by epoch",
        Description = Course("Training loss", content, e => e.TrainLoss) + Course("Validation loss", content, e => e.ValidationLoss),
        XLabel = "epoch",
        YLabel = "loss",
        HasWholeX = true,
        Series = [Series("training", content, e => e.TrainLoss), Series("validation", content, e => e.ValidationLoss)],
    };

    private static LineChart Auc(ReportContent content) => new()
    {
        Id = "auc",
        Title = "AUC on the validation samples by epoch",
        Description = Course("Validation AUC", content, e => e.ValidationAuc),
        XLabel = "epoch",
        YLabel = "AUC",
        HasWholeX = true,
        Series = [Series("validation", content, e => e.ValidationAuc)],
    };

    private static LineChart RocCurves(ReportContent content)
    {
        // Of more than two classes, the temperature has a part in the order of the probabilities.
        Evaluation test = content.Calibrated ?? content.Test;
        (string Label, ClassEvaluation Class)[] all = [.. content.Labels.Zip(test.Classes).Where(c => c.Second.Roc.Count > 0)];
        // Of two classes that exclude each other, the curves are mirror images: one is enough.
        if (test is { Confusion: not null, Classes.Count: 2 }) all = all[^1..];
        (string Label, ClassEvaluation Class)[] shown = all.Length > MostRocCurves ? [.. all.OrderBy(c => c.Class.Auc).Take(MostRocCurves)] : all;
        return new LineChart
        {
            Id = "roc",
            Title = "ROC on the test samples, each class against the rest" + (shown.Length < all.Length ? $"; the {MostRocCurves} of {all.Length} with the smallest area" : ""),
            Description = string.Join(' ', shown.Select(c => Text($"{c.Label}: area {c.Class.Auc:0.000}."))),
            XLabel = "false positive rate (1 - specificity)",
            YLabel = "sensitivity",
            IsUnitSquare = true,
            Series = [.. shown.Select(c => new ChartSeries(Text($"{c.Label} (AUC {c.Class.Auc:0.000})"), [.. c.Class.Roc.Select(p => (p.FalsePositiveRate, p.TruePositiveRate))]))],
        };
    }

    private static LineChart Reliability(ReportContent content)
    {
        Evaluation[] shown = content.Calibrated is { } calibrated ? [content.Test, calibrated] : [content.Test];
        string[] names = [.. shown.Select((e, i) => Text($"{(i == 0 ? "as it is" : $"temperature {Text($"{e.Temperature:0.###}")}")} (ECE {e.Ece:0.000})"))];
        return new LineChart
        {
            Id = "reliability",
            Title = "Reliability on the test samples",
            Description = $"How frequently answers were right by how probable they were; on the diagonal both are equal. {string.Join("; ", names)}.",
            XLabel = "confidence",
            YLabel = "share that is right",
            IsUnitSquare = true,
            Series = [.. shown.Zip(names, (e, name) => new ChartSeries(name, [.. e.Reliability.Bins.Where(b => b.Count > 0).Select(b => (b.Confidence, b.Accuracy))]) { HasMarks = true })],
        };
    }

    private static ChartSeries Series(string name, ReportContent content, Func<EpochRecord, double> value) => new(name, [.. content.Epochs.Select(e => ((double)e.Epoch, value(e)))]);

    private static string Course(string name, ReportContent content, Func<EpochRecord, double> value) =>
        Text($"{name}: {value(content.Epochs[0]):0.####} in epoch {content.Epochs[0].Epoch}, {value(content.Epochs[^1]):0.####} in epoch {content.Epochs[^1].Epoch}. ");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
