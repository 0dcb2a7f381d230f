using MeLo.Edge.Training.Reports;

namespace MeLo.Edge.Training;

/// <summary>How far the samples are ready to be learnt from.</summary>
/// <param name="What">What is done to them, in words.</param>
/// <param name="Done">Samples that are through.</param>
/// <param name="Samples">All.</param>
internal readonly record struct PreparationProgress(string What, int Done, int Samples);

/// <summary>How far training has come.</summary>
/// <param name="Epoch">The pass over the training samples, from 1.</param>
/// <param name="Epochs">The most passes.</param>
/// <param name="Done">Samples of the pass that are through.</param>
/// <param name="Samples">Samples of a pass.</param>
/// <param name="Loss">The mean loss of the pass so far.</param>
/// <param name="SamplesPerSecond">The pass's speed so far.</param>
/// <param name="Left">The time until the last pass ends, if none is left out.</param>
/// <param name="Ended">What the pass came to; null while it runs.</param>
internal sealed record TrainingProgress(int Epoch, int Epochs, int Done, int Samples, double Loss, double SamplesPerSecond, TimeSpan Left, EpochRecord? Ended);
