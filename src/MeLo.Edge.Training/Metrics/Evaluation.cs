namespace MeLo.Edge.Training.Metrics;

/// <summary>
/// The figures of a model on one set of samples. NaN stands for what is not defined, such as the AUC of a class that no sample has, and means over classes leave it out.
/// </summary>
internal sealed record Evaluation
{
    /// <summary>The number of samples.</summary>
    public required int Samples { get; init; }

    /// <summary>The temperature that the logits were divided by.</summary>
    public required double Temperature { get; init; }

    /// <summary>The mean negative log-likelihood, a sample; of multi-label data, a sample and label.</summary>
    public required double Loss { get; init; }

    /// <summary>The share of samples whose most probable class is theirs; of multi-label data, of all samples' labels that lie on the right side of 0.5.</summary>
    public required double Accuracy { get; init; }

    /// <summary>The mean of the classes' <see cref="ClassEvaluation.Auc"/>.</summary>
    public required double Auc { get; init; }

    /// <summary>The mean of the classes' <see cref="ClassEvaluation.F1"/>.</summary>
    public required double F1 { get; init; }

    /// <summary>The expected calibration error: see <see cref="ReliabilityDiagram"/>.</summary>
    public required double Ece { get; init; }

    /// <summary>Each class on its own, in their order.</summary>
    public required IReadOnlyList<ClassEvaluation> Classes { get; init; }

    /// <summary>[truth, answer], counts of samples; null for multi-label data.</summary>
    public required ConfusionMatrix? Confusion { get; init; }

    /// <summary>How probable and how frequently right.</summary>
    public required ReliabilityDiagram Reliability { get; init; }

    /// <summary>Evaluates answers.</summary>
    /// <param name="answers">The answers and the truth.</param>
    /// <param name="temperature">What logits are divided by, above 0.</param>
    /// <param name="thresholds">The operating point of each class, as <see cref="OperatingPoints.Choose"/> found them on other samples.</param>
    public static Evaluation Of(LabelledLogits answers, double temperature, IReadOnlyList<double> thresholds) => throw new NotImplementedException();
}

/// <summary>One class against the rest.</summary>
/// <param name="Positives">Samples that have the label.</param>
/// <param name="Auc">The area under the ROC curve, ties counted half.</param>
/// <param name="Threshold">The probability from which the label is said to apply.</param>
/// <param name="Sensitivity">The share of the samples with the label that reach the threshold.</param>
/// <param name="Specificity">The share of the samples without it that do not.</param>
/// <param name="F1">2 TP / (2 TP + FP + FN), by the most probable class; of multi-label data, by 0.5.</param>
/// <param name="Roc">The ROC curve.</param>
internal sealed record ClassEvaluation(int Positives, double Auc, double Threshold, double Sensitivity, double Specificity, double F1, IReadOnlyList<RocPoint> Roc);
