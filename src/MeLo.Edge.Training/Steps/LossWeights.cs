using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Training.Steps;

/// <summary>
/// What the loss counts for every sample and class. Targets, label smoothing, the classes' weights and the division by the batch's weight are all in these numbers, so
/// that the gradients of a batch's parts add up to the batch's.
/// </summary>
internal sealed class LossWeights
{
    private readonly LossKind _kind;
    private readonly float[] _classWeights;
    private readonly float[] _positiveWeights;
    private readonly double _smoothing;

    /// <param name="kind">The loss.</param>
    /// <param name="samples">The training samples, whose numbers say how rare a class is.</param>
    /// <param name="settings">Smoothing and balance.</param>
    public LossWeights(LossKind kind, IReadOnlyList<Sample> samples, TrainingSettings settings)
    {
        _kind = kind;
        _smoothing = kind == LossKind.CrossEntropy ? settings.LabelSmoothing : 0;
        int classes = samples[0].Targets.Length;
        _classWeights = new float[classes];
        _positiveWeights = new float[classes];
        for (int c = 0; c < classes; c++)
        {
            double positive = Math.Max(1, samples.Count(s => s.Targets[c] > 0.5f));
            // scikit-learn's "balanced", and PyTorch's pos_weight: the negatives over the positives.
            _classWeights[c] = settings.BalanceClasses ? (float)(samples.Count / (classes * positive)) : 1;
            _positiveWeights[c] = settings.BalanceClasses ? (float)(Math.Max(1, samples.Count - positive) / positive) : 1;
        }
    }

    /// <summary>Fills in the weights of a batch, [batch, classes] each.</summary>
    /// <param name="batch">Its samples.</param>
    /// <param name="positive">What -log p (or softplus(-x)) counts.</param>
    /// <param name="negative">What softplus(x) counts; untouched for cross-entropy.</param>
    public void Fill(IReadOnlyList<Sample> batch, Span<float> positive, Span<float> negative)
    {
        int classes = _classWeights.Length;
        if (_kind == LossKind.BinaryCrossEntropy)
        {
            float share = 1f / (batch.Count * classes);
            for (int i = 0; i < batch.Count; i++)
            {
                for (int c = 0; c < classes; c++)
                {
                    positive[(i * classes) + c] = batch[i].Targets[c] * _positiveWeights[c] * share;
                    negative[(i * classes) + c] = (1 - batch[i].Targets[c]) * share;
                }
            }
            return;
        }
        // As PyTorch's weighted mean: over the sum of the samples' weights.
        double total = batch.Sum(Weight);
        for (int i = 0; i < batch.Count; i++)
        {
            double weight = Weight(batch[i]) / total;
            for (int c = 0; c < classes; c++)
                positive[(i * classes) + c] = (float)(weight * (((1 - _smoothing) * batch[i].Targets[c]) + (_smoothing / classes)));
        }
    }

    private double Weight(Sample sample)
    {
        double weight = 0;
        for (int c = 0; c < _classWeights.Length; c++) weight += sample.Targets[c] * _classWeights[c];
        return weight;
    }
}
