namespace MeLo.Edge.Training.Metrics;

/// <summary>From which probability on a label is said to apply.</summary>
internal static class OperatingPoints
{
    /// <summary>For each class the threshold with the largest sum of sensitivity and specificity (Youden, 1950); 0.5 for a class without both kinds of samples.</summary>
    /// <param name="validation">Answers for samples that the figures are not reported on.</param>
    /// <param name="temperature">What logits are divided by.</param>
    public static double[] Choose(LabelledLogits validation, double temperature) => throw new NotImplementedException();
}
