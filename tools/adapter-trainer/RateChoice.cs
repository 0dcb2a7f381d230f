using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>
/// A learning rate chosen by cross-validation: every rate is trained once a fold, and that with the best mean AUC on the folds that tested is taken; of equal ones that which changes least.
/// Few samples to choose by, as small tasks have, cannot tell rates apart; all that are not of the test can.
/// </summary>
/// <param name="Rate">The rate that was chosen.</param>
/// <param name="Tried">Every rate, in ascending order, and the AUC on each fold; none where a training diverged.</param>
internal sealed record RateChoice(double Rate, IReadOnlyList<(double Rate, IReadOnlyList<double> Aucs)> Tried)
{
    /// <summary>The settings with each rate, that which changes least first.</summary>
    /// <param name="settings">How the mode is trained; its learning rate is what is multiplied.</param>
    /// <param name="multiples">What its learning rate is multiplied by.</param>
    /// <exception cref="UsageException">A rate does not go with the other settings.</exception>
    public static IReadOnlyList<TrainingSettings> Candidates(TrainingSettings settings, IReadOnlyList<double> multiples)
    {
        TrainingSettings[] candidates = [.. multiples.OrderBy(m => Math.Abs(Math.Log(m))).Select(m => settings with { LearningRate = settings.PeakLearningRate * m })];
        string[] faults = [.. candidates.SelectMany(c => c.Faults()).Distinct()];
        return faults.Length == 0 ? candidates : throw UsageException.Options($"--tune: {string.Join("; ", faults)}.");
    }

    /// <summary>Trains and chooses. A rate with which a training diverges is out.</summary>
    /// <param name="candidates">The settings with each rate.</param>
    /// <param name="folds">How many folds.</param>
    /// <param name="train">Trains one fold, by its place, with some settings.</param>
    /// <param name="error">Where it is said which rate is out.</param>
    /// <exception cref="TrainingException">None is left.</exception>
    public static RateChoice Of(IReadOnlyList<TrainingSettings> candidates, int folds, Func<TrainingSettings, int, ComparedRun> train, TextWriter error)
    {
        List<(double Rate, IReadOnlyList<double> Aucs)> tried = [];
        foreach (TrainingSettings candidate in candidates)
        {
            double[] aucs = [];
            try
            {
                aucs = [.. Enumerable.Range(0, folds).Select(fold => train(candidate, fold).Auc)];
            }
            catch (TrainingException e) when (e.IsDivergence && candidates.Count - tried.Count(t => t.Aucs.Count == 0) > 1)
            {
                error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the learning rate {candidate.PeakLearningRate:G6} is out: {e.Message}"));
            }
            tried.Add((candidate.PeakLearningRate, aucs));
        }
        return new RateChoice(tried.Where(t => t.Aucs.Count > 0).MaxBy(t => t.Aucs.Average()).Rate, [.. tried.OrderBy(t => t.Rate)]);
    }

    /// <summary>What was tried and what was taken, as people read it.</summary>
    public override string ToString()
    {
        string tried = string.Join(", ", Tried.Select(t => string.Create(CultureInfo.InvariantCulture, $"{(t.Aucs.Count > 0 ? $"AUC {t.Aucs.Average().ToString("F4", CultureInfo.InvariantCulture)}" : "diverged")} at {t.Rate:G6}")));
        string edge = Rate == Tried[0].Rate ? ", the lowest: a lower one may be better" : Rate == Tried[^1].Rate ? ", the highest: a higher one may be better" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{tried} over {Tried.Max(t => t.Aucs.Count)} folds; {Rate:G6} is taken{edge}");
    }

    /// <summary>As a report has it.</summary>
    public JsonNode ToJson() => new JsonObject
    {
        ["rate"] = Rate,
        ["tried"] = new JsonArray([.. Tried.Select(t => new JsonObject
        {
            ["rate"] = t.Rate,
            ["auc"] = t.Aucs.Count > 0 ? t.Aucs.Average() : null,
            ["aucOfFolds"] = new JsonArray([.. t.Aucs.Select(a => (JsonNode)a)]),
        })]),
    };
}
