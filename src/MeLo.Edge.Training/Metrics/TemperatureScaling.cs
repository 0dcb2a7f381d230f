namespace MeLo.Edge.Training.Metrics;

/// <summary>One number that makes probabilities mean frequencies (Guo et al., "On calibration of modern neural networks", ICML 2017): logits are divided by it.</summary>
internal static class TemperatureScaling
{
    /// <summary>The bounds of the temperature. Answers that are all right, or no better than chance, have no best one; beyond these it would only hide that.</summary>
    public const double Min = 0.05, Max = 20;

    /// <summary>The temperature with the smallest negative log-likelihood, within <see cref="Min"/> and <see cref="Max"/>.</summary>
    /// <param name="validation">Answers for samples that the figures are not reported on.</param>
    public static double Fit(LabelledLogits validation) => throw new NotImplementedException();
}
