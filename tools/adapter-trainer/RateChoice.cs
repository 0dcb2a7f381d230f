using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Data;

namespace AdapterTrainer;

/// <summary>
/// A learning rate chosen by cross-validation: every rate is trained once a fold, and that with the best mean AUC on the folds that tested is taken; of equal ones that which changes least.
/// Few samples to choose by, as small tasks have, cannot tell rates apart; all that are not of the test can.
/// </summary>
/// <param name="Rate">The rate that was chosen.</param>
/// <param name="Tried">Every rate and the AUC on each fold.</param>
internal sealed record RateChoice(double Rate, IReadOnlyList<(double Rate, IReadOnlyList<double> Aucs)> Tried)
{
    /// <param name="settings">How the mode is trained; its learning rate is what is multiplied.</param>
    /// <param name="multiples">What its learning rate is multiplied by.</param>
    /// <param name="folds">The folds.</param>
    /// <param name="task">The training of a fold.</param>
    /// <param name="folder">Where what has been measured is kept.</param>
    /// <param name="error">Where progress goes.</param>
    /// <param name="cancellation">Stops it; trainings that are done stay.</param>
    public static RateChoice Of(
        TrainingSettings settings, IReadOnlyList<double> multiples, IReadOnlyList<Splits> folds, Func<Splits, TrainingSettings, TrainingTask> task, string folder, TextWriter error, CancellationToken cancellation)
    {
        TrainingSettings[] rates = [.. multiples.OrderBy(m => Math.Abs(Math.Log(m))).Select(m => settings with { LearningRate = settings.PeakLearningRate * m })];
        string[] faults = [.. rates.SelectMany(r => r.Faults()).Distinct()];
        if (faults.Length > 0) throw UsageException.Options($"--tune: {string.Join("; ", faults)}.");
        List<(double Rate, IReadOnlyList<double> Aucs)> tried = [];
        foreach (TrainingSettings at in rates)
        {
            string rate = at.PeakLearningRate.ToString("G6", CultureInfo.InvariantCulture);
            List<double> aucs = [];
            for (int fold = 0; fold < folds.Count; fold++)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{settings.Mode.ToString().ToLowerInvariant()}-rate-{rate}-fold-{fold + 1}");
                error.WriteLine($"{name}: {folds[fold].Counts}");
                aucs.Add(ComparedRun.Of(task(folds[fold], at), Path.Combine(folder, name), error, cancellation).Auc);
                if (double.IsNaN(aucs[^1])) throw new TrainingException($"--folds {folds.Count}: fold {fold + 1} has a label that all its samples have or none, so that its AUC is not defined; expected fewer folds");
            }
            tried.Add((at.PeakLearningRate, aucs));
        }
        return new RateChoice(tried.MaxBy(t => t.Aucs.Average()).Rate, [.. tried.OrderBy(t => t.Rate)]);
    }

    /// <summary>What was tried and what was taken, as people read it.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{string.Join(", ", Tried.Select(t => string.Create(CultureInfo.InvariantCulture, $"AUC {t.Aucs.Average():F4} at {t.Rate:G6}")))} over {Tried[0].Aucs.Count} folds: {Rate:G6} is taken");

    /// <summary>As a report has it.</summary>
    public JsonNode ToJson() => new JsonObject
    {
        ["rate"] = Rate,
        ["tried"] = new JsonArray([.. Tried.Select(t => new JsonObject
        {
            ["rate"] = t.Rate,
            ["auc"] = t.Aucs.Average(),
            ["aucOfFolds"] = new JsonArray([.. t.Aucs.Select(a => (JsonNode)a)]),
        })]),
    };
}
