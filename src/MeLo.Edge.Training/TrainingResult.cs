using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training;

/// <summary>How good what was learnt is: chosen on the validation samples, measured on the test samples.</summary>
/// <param name="Temperature">What makes the probabilities mean frequencies.</param>
/// <param name="Validation">The validation samples, with it.</param>
/// <param name="Test">The test samples without it.</param>
/// <param name="Calibrated">The test samples with it.</param>
internal sealed record TrainingResult(double Temperature, Evaluation Validation, Evaluation Test, Evaluation Calibrated)
{
    /// <summary>Chooses and measures.</summary>
    /// <param name="trainer">With the parameters to be measured.</param>
    /// <param name="parts">The samples.</param>
    /// <param name="cancellation">Stops it.</param>
    public static TrainingResult Of(Trainer trainer, Data.Splits parts, CancellationToken cancellation)
    {
        LabelledLogits validation = trainer.Answers(parts.Validation, cancellation), test = trainer.Answers(parts.Test, cancellation);
        double temperature = TemperatureScaling.Fit(validation);
        return new TrainingResult(
            temperature,
            Evaluation.Of(validation, temperature, OperatingPoints.Choose(validation, temperature)),
            Evaluation.Of(test, 1, OperatingPoints.Choose(validation, 1)),
            Evaluation.Of(test, temperature, OperatingPoints.Choose(validation, temperature)));
    }
}
