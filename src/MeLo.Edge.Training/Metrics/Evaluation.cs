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

    /// <summary>Of <see cref="Accuracy"/>; of multi-label data as if a sample had one label.</summary>
    public required Interval AccuracyInterval { get; init; }

    /// <summary>The mean of the classes' <see cref="ClassEvaluation.Auc"/>.</summary>
    public required double Auc { get; init; }

    /// <summary>Of <see cref="Auc"/>; of several classes an interval that is rather too wide (<see cref="Interval.OfMean"/>).</summary>
    public required Interval AucInterval { get; init; }

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
    public static Evaluation Of(LabelledLogits answers, double temperature, IReadOnlyList<double> thresholds)
    {
        int classes = answers.Classes;
        double[] odds = answers.LogOdds(temperature);
        bool[] said = Said(answers, odds);
        ReliabilityDiagram reliability = ReliabilityDiagram.Of(answers, temperature);
        double accuracy = ShareRight(answers, said);
        ClassEvaluation[] each = [.. Enumerable.Range(0, classes).Select(c => Of(answers, odds, said, c, thresholds[c]))];
        return new Evaluation
        {
            Samples = answers.Samples,
            Temperature = temperature,
            Loss = MeanLoss(answers, odds),
            Accuracy = accuracy,
            AccuracyInterval = Interval.OfShare(accuracy, answers.Independent(_ => true)),
            Auc = Mean(each.Select(c => c.Auc)),
            AucInterval = Interval.OfMean(each.Select(c => c.AucInterval)),
            F1 = Mean(each.Select(c => c.F1)),
            Ece = reliability.Ece,
            Classes = each,
            Confusion = answers.IsMultiLabel ? null : ConfusionMatrix.Of(answers, said),
            Reliability = reliability,
        };
    }

    // [samples, classes]: the most probable class, or each label that is at least as probable as not.
    private static bool[] Said(LabelledLogits answers, double[] odds)
    {
        bool[] said = new bool[odds.Length];
        if (answers.IsMultiLabel)
        {
            for (int i = 0; i < said.Length; i++) said[i] = odds[i] >= 0;
            return said;
        }
        for (int i = 0; i < answers.Samples; i++) said[(i * answers.Classes) + answers.Answer(i)] = true;
        return said;
    }

    private static ClassEvaluation Of(LabelledLogits answers, double[] odds, bool[] said, int label, double threshold)
    {
        bool[] truth = answers.Truth(label);
        double[] scores = new double[truth.Length];
        int positives = 0, found = 0, rejected = 0, truePositives = 0, falseAnswers = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            int at = (i * answers.Classes) + label;
            scores[i] = odds[at];
            bool reaches = LabelledLogits.Probability(odds[at]) >= threshold;
            if (truth[i])
            {
                positives++;
                if (reaches) found++;
                if (said[at]) truePositives++;
            }
            else if (!reaches)
            {
                rejected++;
            }
            if (said[at] != truth[i]) falseAnswers++;
        }
        double independentPositives = answers.Independent(i => truth[i]), independentNegatives = answers.Independent(i => !truth[i]);
        double auc = Roc.Auc(scores, truth), sensitivity = (double)found / positives, specificity = (double)rejected / (truth.Length - positives);
        return new ClassEvaluation(
            positives, auc, Interval.OfArea(auc, independentPositives, independentNegatives), threshold,
            sensitivity, Interval.OfShare(sensitivity, independentPositives), specificity, Interval.OfShare(specificity, independentNegatives),
            2.0 * truePositives / ((2 * truePositives) + falseAnswers), Roc.Curve(scores, truth));
    }

    // -log p = log(1 + e^-odds), without losing what is small.
    private static double MeanLoss(LabelledLogits answers, double[] odds)
    {
        double sum = 0;
        for (int i = 0; i < odds.Length; i++)
        {
            bool applies = answers.Targets[i] > 0.5f;
            if (!applies && !answers.IsMultiLabel) continue;
            double x = applies ? -odds[i] : odds[i];
            sum += Math.Max(x, 0) + double.LogP1(Math.Exp(-Math.Abs(x)));
        }
        return sum / (answers.IsMultiLabel ? odds.Length : answers.Samples);
    }

    private static double ShareRight(LabelledLogits answers, bool[] said)
    {
        int right = 0;
        for (int i = 0; i < said.Length; i++)
        {
            bool applies = answers.Targets[i] > 0.5f;
            if (answers.IsMultiLabel ? said[i] == applies : said[i] && applies) right++;
        }
        return (double)right / (answers.IsMultiLabel ? said.Length : answers.Samples);
    }

    private static double Mean(IEnumerable<double> values) => values.Where(v => !double.IsNaN(v)).DefaultIfEmpty(double.NaN).Average();
}

/// <summary>One class against the rest.</summary>
/// <param name="Positives">Samples that have the label.</param>
/// <param name="Auc">The area under the ROC curve, ties counted half.</param>
/// <param name="AucInterval">Its confidence interval.</param>
/// <param name="Threshold">The probability from which the label is said to apply.</param>
/// <param name="Sensitivity">The share of the samples with the label that reach the threshold.</param>
/// <param name="SensitivityInterval">Its confidence interval.</param>
/// <param name="Specificity">The share of the samples without it that do not.</param>
/// <param name="SpecificityInterval">Its confidence interval.</param>
/// <param name="F1">2 TP / (2 TP + FP + FN), by the most probable class; of multi-label data, by 0.5.</param>
/// <param name="Roc">The ROC curve.</param>
internal sealed record ClassEvaluation(
    int Positives, double Auc, Interval AucInterval, double Threshold, double Sensitivity, Interval SensitivityInterval, double Specificity, Interval SpecificityInterval, double F1,
    IReadOnlyList<RocPoint> Roc);
