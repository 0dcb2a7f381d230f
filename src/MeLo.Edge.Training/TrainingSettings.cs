using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training;

/// <summary>How a task is trained. The defaults are MeLo's (arXiv 2311.08236, section 3.1, and the options of LoRA-ViT's <c>train.py</c>), where those say anything.</summary>
internal sealed record TrainingSettings
{
    // Far more than anybody waits for, or has memory for.
    public const int MostEpochs = 100_000, MostBatch = 65_536;

    /// <summary>What learns.</summary>
    public TrainingMode Mode { get; init; } = TrainingMode.Lora;

    /// <summary>The adapters' rank, from 1.</summary>
    public int Rank { get; init; } = 4;

    /// <summary>The adapters' alpha, above 0: what A·B is multiplied by is alpha over rank.</summary>
    public double Alpha { get; init; } = 4;

    /// <summary>The linears of every block that get an adapter.</summary>
    public IReadOnlyList<VitLinear> Targets { get; init; } = [VitLinear.Query, VitLinear.Value];

    /// <summary>The most passes over the training samples, from 1.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Samples between two changes of the parameters, from 1.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Samples that are at work at once, from 1: fewer than <see cref="Batch"/> need less memory and give the same gradients but for rounding.</summary>
    public int MicroBatch { get; init; } = 16;

    /// <summary>The highest learning rate; null takes <see cref="DefaultLearningRate"/>.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The learning rate of the last step.</summary>
    public double FinalLearningRate { get; init; } = 1e-6;

    /// <summary>Epochs over which the learning rate rises; may be a fraction.</summary>
    public double WarmupEpochs { get; init; } = 0.5;

    /// <summary>Epochs of steps over which the parameters are averaged; the means are what is validated and kept (<see cref="Optimization.ParameterAverage"/>). 0 for the parameters as the last step left them.</summary>
    public double AveragingEpochs { get; init; } = 1;

    /// <summary>AdamW's decay of matrices; 0 is Adam.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>The largest norm of the gradient; larger ones are scaled down.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>The share of a target that goes to all classes alike, 0 to below 1. For single-label tasks.</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Whether rare classes count more, so that every class has the same weight in sum.</summary>
    public bool BalanceClasses { get; init; }

    /// <summary>How pictures are varied.</summary>
    public Augmentation Augmentation { get; init; } = Augmentation.Default;

    /// <summary>Epochs without better answers to the validation samples (a higher AUC, or the same with a lower loss) after which training ends; 0 for never.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>Where every random choice begins.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>What is taken where <see cref="LearningRate"/> is null: adapters and heads start from nothing, a whole pretrained model must not be torn down.</summary>
    public double DefaultLearningRate => Mode switch { TrainingMode.Full => 1e-4, TrainingMode.Head => 1e-2, _ => 5e-3 };

    /// <summary>The highest learning rate.</summary>
    public double PeakLearningRate => LearningRate ?? DefaultLearningRate;

    /// <summary>The learning rate as a report and a model card write it.</summary>
    public string LearningRateText => $"{Text(PeakLearningRate)}, cosine to {Text(FinalLearningRate)}";

    /// <summary>Every fault, in words; empty when there is none.</summary>
    public IEnumerable<string> Faults()
    {
        if (Rank < 1) yield return $"rank: found {Rank}, expected at least 1";
        if (!(Alpha > 0) || !double.IsFinite(Alpha)) yield return $"alpha: found {Text(Alpha)}, expected more than 0";
        else if (!float.IsNormal((float)Alpha) || !float.IsNormal((float)(Alpha / Rank))) yield return $"alpha: found {Text(Alpha)} at rank {Rank}, expected one that 32-bit numbers hold, itself and by the rank";
        if (Targets.Count == 0 || Targets.Distinct().Count() != Targets.Count) yield return "targets: expected each linear at most once, and one at least";
        if (Epochs is < 1 or > MostEpochs) yield return $"epochs: found {Epochs}, expected 1 to {MostEpochs}";
        if (Batch is < 1 or > MostBatch) yield return $"batch: found {Batch}, expected 1 to {MostBatch}";
        if (MicroBatch is < 1 or > MostBatch) yield return $"micro-batch: found {MicroBatch}, expected 1 to {MostBatch}";
        if (!(PeakLearningRate > 0) || !double.IsFinite(PeakLearningRate)) yield return $"learning rate: found {Text(PeakLearningRate)}, expected more than 0";
        if (!(FinalLearningRate >= 0) || FinalLearningRate > PeakLearningRate) yield return $"final learning rate: found {Text(FinalLearningRate)}, expected 0 to {Text(PeakLearningRate)}, the highest";
        if (!(WarmupEpochs >= 0) || WarmupEpochs >= Epochs) yield return $"warm-up: found {Text(WarmupEpochs)} epochs, expected 0 to less than {Epochs}";
        if (!(AveragingEpochs >= 0) || AveragingEpochs > MostEpochs) yield return $"averaging: found {Text(AveragingEpochs)} epochs, expected 0 to {MostEpochs}";
        if (!(WeightDecay >= 0) || WeightDecay * PeakLearningRate >= 1) yield return $"weight decay: found {Text(WeightDecay)} at a learning rate of {Text(PeakLearningRate)}, expected 0 or more and a product of the two below 1";
        if (!(MaxGradientNorm > 0)) yield return $"largest gradient norm: found {Text(MaxGradientNorm)}, expected more than 0";
        if (!(LabelSmoothing >= 0 && LabelSmoothing < 1)) yield return $"label smoothing: found {Text(LabelSmoothing)}, expected 0 to less than 1";
        if (Patience < 0) yield return $"patience: found {Patience}, expected 0 or more";
    }

    /// <summary>Names and values as a report, a model card and a checkpoint write them; equal settings give equal lists.</summary>
    public IReadOnlyList<(string Name, string Value)> Describe()
    {
        List<(string, string)> lines = [("mode", Mode.ToString().ToLowerInvariant())];
        if (Mode == TrainingMode.Lora)
            lines.AddRange([("rank", Text(Rank)), ("alpha", Text(Alpha)), ("targets", string.Join(", ", Targets.Select(t => t.Name())))]);
        lines.AddRange(
        [
            ("epochs, at most", Text(Epochs)), ("batch", Text(Batch)), ("micro-batch", Text(MicroBatch)),
            ("learning rate", LearningRateText), ("warm-up epochs", Text(WarmupEpochs)), ("averaged over", AveragingEpochs > 0 ? $"{Text(AveragingEpochs)} epochs" : "no steps"),
            ("optimiser", WeightDecay > 0 ? $"AdamW, weight decay {Text(WeightDecay)}" : "Adam"), ("largest gradient norm", Text(MaxGradientNorm)),
            ("label smoothing", Text(LabelSmoothing)), ("classes", BalanceClasses ? "balanced" : "as they are"), ("augmentation", Augmentation.ToString()),
            ("patience", Patience == 0 ? "none" : Text(Patience)), ("seed", Seed.ToString(CultureInfo.InvariantCulture)),
        ]);
        return lines;
    }

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
