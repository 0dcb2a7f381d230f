using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Reports;

/// <summary>A report as one HTML file that needs nothing else: no scripts, no fonts, no links outside. The same content gives the same bytes. It is well-formed XML too.</summary>
internal static class HtmlReport
{
    /// <summary>A table with more columns is not looked at.</summary>
    private const int MostConfusionClasses = 30;

    private const string Style = """
        body { font: 15px/1.45 system-ui, sans-serif; color: #111111; background: #ffffff; max-width: 64rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.6rem; margin: 0.5rem 0 0; } h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; border-bottom: 1px solid #cccccc; }
        .note { border: 2px solid #9a3412; background: #fff7ed; color: #7c2d12; padding: 0.5rem 0.8rem; margin: 0.6rem 0; font-weight: 600; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; margin: 0.4rem 0; } caption { text-align: left; color: #444444; padding: 0.2rem 0; }
        th, td { border: 1px solid #cccccc; padding: 0.25rem 0.6rem; text-align: left; vertical-align: top; } thead th { background: #f3f4f6; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } tr.best td, tr.best th { background: #ecfdf5; font-weight: 600; }
        .digest { font-family: ui-monospace, monospace; overflow-wrap: anywhere; } .charts { display: flex; flex-wrap: wrap; gap: 1rem; }
        figure { margin: 0; break-inside: avoid; } figcaption { font-weight: 600; } svg { max-width: 100%; height: auto; }
        @media print { body { max-width: none; padding: 0; font-size: 11px; } h2 { break-after: avoid; } tr { break-inside: avoid; } * { print-color-adjust: exact; } }
        """;

    /// <summary>The file, UTF-8.</summary>
    public static byte[] Write(ReportContent content)
    {
        Markup style = new(), html = new();
        foreach (string line in Style.Split('\n')) style.Line($"{line}");
        html.Line($"<!DOCTYPE html>");
        html.Line($"""<html lang="en" xmlns="http://www.w3.org/1999/xhtml">""");
        html.Line($"""<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/><title>{content.Title}</title>""");
        html.Line($"<style>{style}</style></head>");
        html.Line($"<body><main>");
        html.Line($"<h1>{content.Title}</h1>");
        html.Line($"<p>Task: {content.Task}</p>");
        foreach (string note in content.Notes) html.Line($"""<p class="note" role="note">{note}</p>""");
        if (content.Test.Samples > 0)
        {
            Figures(html, content);
            Classes(html, content);
        }
        else
        {
            html.Line($"<h2>Figures on the test samples</h2><p>Nothing was measured: there are no test samples.</p>");
        }
        Charts(html, content);
        if (content.Test.Samples > 0) Confusion(html, content);
        Data(html, content);
        Settings(html, content);
        Epochs(html, content);
        html.Line($"</main></body>");
        return html.Line($"</html>").ToUtf8();
    }

    /// <summary>The curves on their own, each an SVG file: its name, such as <c>roc.svg</c>, and its bytes.</summary>
    public static IReadOnlyList<(string Name, byte[] Bytes)> Curves(ReportContent content) => [.. ReportCharts.Of(content).Select(chart => ($"{chart.Id}.svg", chart.Draw().ToUtf8()))];

    private static void Figures(Markup html, ReportContent content)
    {
        Evaluation test = content.Test;
        Evaluation[] columns = content.Calibrated is { } calibrated ? [test, calibrated] : [test];
        html.Line($"<h2>Figures on the test samples</h2>");
        html.Line($"""<div class="scroll"><table><caption>{test.Samples} samples that neither training nor any choice has seen. In brackets: 95 % confidence intervals (of the area: Newcombe 2006; of shares: Wilson 1927), for which one patient's samples, and a picture's copies, are taken for alike (Kish's effective number of samples).</caption>""");
        html.Line($"""<thead><tr><th scope="col">figure</th><th scope="col" class="number">logits as they are</th>""");
        if (columns.Length > 1) html.Line($"""<th scope="col" class="number">temperature {columns[1].Temperature:0.####}</th>""");
        html.Line($"</tr></thead><tbody>");
        Row(html, "AUC, mean over the classes", columns, e => e.Auc, e => e.AucInterval);
        Row(html, test.Confusion is null ? "accuracy, over samples and labels" : "accuracy", columns, e => e.Accuracy, e => e.AccuracyInterval);
        Row(html, "F1, mean over the classes", columns, e => e.F1);
        Row(html, "expected calibration error (ECE)", columns, e => e.Ece);
        Row(html, "loss (negative log-likelihood)", columns, e => e.Loss);
        html.Line($"</tbody></table></div>");
    }

    private static void Row(Markup html, string name, Evaluation[] columns, Func<Evaluation, double> value, Func<Evaluation, Interval>? interval = null)
    {
        html.Line($"""<tr><th scope="row">{name}</th>""");
        foreach (Evaluation evaluation in columns) html.Line($"""<td class="number">{value(evaluation):0.0000}{Bracketed(interval?.Invoke(evaluation))}</td>""");
        html.Line($"</tr>");
    }

    private static string Bracketed(Interval? interval) => interval is { } i ? $" ({i})" : "";

    private static void Classes(Markup html, ReportContent content)
    {
        // Thresholds belong to the probabilities that a device shows.
        Evaluation shown = content.Calibrated ?? content.Test;
        html.Line($"<h2>Classes</h2>");
        html.Line($"""<div class="scroll"><table><caption>Each class against the rest. The threshold has the largest sum of sensitivity and specificity on the validation samples (Youden). F1 is of the answers (the most probable class, or what reaches 0.5), not of the threshold.</caption>""");
        html.Line($"""<thead><tr><th scope="col">class</th><th scope="col" class="number">samples</th><th scope="col" class="number">AUC</th><th scope="col" class="number">threshold</th>""");
        html.Line($"""<th scope="col" class="number">sensitivity</th><th scope="col" class="number">specificity</th><th scope="col" class="number">F1</th></tr></thead><tbody>""");
        foreach ((string label, ClassEvaluation c) in content.Labels.Zip(shown.Classes))
        {
            html.Line($"""<tr><th scope="row">{label}</th><td class="number">{c.Positives}</td><td class="number">{c.Auc:0.0000}{Bracketed(c.AucInterval)}</td><td class="number">{c.Threshold:0.0000}</td>""");
            html.Line($"""<td class="number">{c.Sensitivity:0.0000}{Bracketed(c.SensitivityInterval)}</td><td class="number">{c.Specificity:0.0000}{Bracketed(c.SpecificityInterval)}</td><td class="number">{c.F1:0.0000}</td></tr>""");
        }
        html.Line($"</tbody></table></div>");
    }

    private static void Charts(Markup html, ReportContent content)
    {
        html.Line($"<h2>Curves</h2>");
        html.Line($"""<div class="charts">""");
        foreach (LineChart chart in ReportCharts.Of(content)) html.Line($"<figure>{chart.Draw()}<figcaption>{chart.Title}</figcaption></figure>");
        html.Line($"</div>");
    }

    private static void Confusion(Markup html, ReportContent content)
    {
        if (content.Test.Confusion is not { } matrix || matrix.Classes > MostConfusionClasses) return;
        html.Line($"<h2>Confusion matrix</h2>");
        html.Line($"""<div class="scroll"><table><caption>Test samples: a row a true class, a column an answer. Darker is a larger share of the row.</caption>""");
        html.Line($"""<thead><tr><th scope="col">truth \ answer</th>""");
        foreach (string label in content.Labels) html.Line($"""<th scope="col" class="number">{label}</th>""");
        html.Line($"</tr></thead><tbody>");
        for (int truth = 0; truth < matrix.Classes; truth++)
        {
            int row = Enumerable.Range(0, matrix.Classes).Sum(answer => matrix[truth, answer]);
            html.Line($"""<tr><th scope="row">{content.Labels[truth]}</th>""");
            for (int answer = 0; answer < matrix.Classes; answer++)
            {
                // From white to a blue on which dark text still has a contrast of 7 to 1.
                double share = row > 0 ? (double)matrix[truth, answer] / row : 0;
                int red = 255 - (int)(share * 148), green = 255 - (int)(share * 81), blue = 255 - (int)(share * 41);
                html.Line($"""<td class="number" style="background: rgb({red}, {green}, {blue})">{matrix[truth, answer]}</td>""");
            }
            html.Line($"</tr>");
        }
        html.Line($"</tbody></table></div>");
    }

    private static void Data(Markup html, ReportContent content)
    {
        html.Line($"<h2>Data</h2>");
        html.Line($"<p>{content.Dataset}</p>");
        html.Line($"""<p>Digest of the list of samples: <span class="digest">{content.DatasetDigest}</span></p>""");
        html.Line($"""<div class="scroll"><table><caption>Samples of each class.</caption><thead><tr><th scope="col">class</th><th scope="col" class="number">training</th><th scope="col" class="number">validation</th><th scope="col" class="number">test</th></tr></thead><tbody>""");
        foreach (ClassCounts counts in content.Counts)
            html.Line($"""<tr><th scope="row">{counts.Label}</th><td class="number">{counts.Train}</td><td class="number">{counts.Validation}</td><td class="number">{counts.Test}</td></tr>""");
        html.Line($"</tbody></table></div>");
    }

    private static void Settings(Markup html, ReportContent content)
    {
        html.Line($"<h2>Settings</h2>");
        html.Line($"""<div class="scroll"><table><tbody>""");
        foreach ((string name, string value) in content.Settings) html.Line($"""<tr><th scope="row">{name}</th><td>{value}</td></tr>""");
        if (content.BaseDigest is { } baseDigest) html.Line($"""<tr><th scope="row">base package</th><td class="digest">{baseDigest}</td></tr>""");
        if (content.BundleDigest is { } bundle) html.Line($"""<tr><th scope="row">bundle</th><td class="digest">{bundle}</td></tr>""");
        html.Line($"</tbody></table></div>");
    }

    private static void Epochs(Markup html, ReportContent content)
    {
        if (content.Epochs.Count == 0) return;
        html.Line($"<h2>Epochs</h2>");
        html.Line($"""<div class="scroll"><table><caption>{(content.BestEpoch is { } best ? $"Epoch {best} was kept." : "No epoch was kept.")}</caption>""");
        html.Line($"""<thead><tr><th scope="col" class="number">epoch</th><th scope="col" class="number">training loss</th><th scope="col" class="number">validation loss</th>""");
        html.Line($"""<th scope="col" class="number">validation AUC</th><th scope="col" class="number">learning rate</th><th scope="col" class="number">seconds</th></tr></thead><tbody>""");
        foreach (EpochRecord epoch in content.Epochs)
        {
            html.Line($"""<tr class="{(epoch.Epoch == content.BestEpoch ? "best" : "epoch")}"><th scope="row" class="number">{epoch.Epoch}</th><td class="number">{epoch.TrainLoss:0.0000}</td><td class="number">{epoch.ValidationLoss:0.0000}</td>""");
            html.Line($"""<td class="number">{epoch.ValidationAuc:0.0000}</td><td class="number">{epoch.LearningRate:0.00E+0}</td><td class="number">{epoch.Seconds:0.0}</td></tr>""");
        }
        html.Line($"</tbody></table></div>");
    }
}
