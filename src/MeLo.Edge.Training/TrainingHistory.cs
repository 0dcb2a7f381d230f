using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Reports;

namespace MeLo.Edge.Training;

/// <summary>What the epochs so far came to, and the parameters of the best one.</summary>
internal sealed class TrainingHistory
{
    private readonly List<EpochRecord> _epochs;
    private float[][]? _best;

    /// <summary>Nothing yet.</summary>
    public TrainingHistory() => _epochs = [];

    /// <summary>A history that was kept.</summary>
    /// <param name="epochs">What the epochs came to.</param>
    /// <param name="best">The values of every parameter after <see cref="Best"/>.</param>
    public TrainingHistory(IEnumerable<EpochRecord> epochs, float[][] best) => (_epochs, _best) = ([.. epochs], best);

    /// <summary>The epochs in their order.</summary>
    public IReadOnlyList<EpochRecord> Epochs => _epochs;

    /// <summary>The epoch with the highest AUC on the validation samples, of equal ones that with the lower loss, of equal ones the first; null before any.</summary>
    public EpochRecord? Best => _epochs.OrderByDescending(e => e.ValidationAuc).ThenBy(e => e.ValidationLoss).FirstOrDefault();

    /// <summary>The values of every parameter after <see cref="Best"/>; null before any.</summary>
    public IReadOnlyList<float[]>? BestValues => _best;

    /// <summary>The mean length of an epoch; null before any.</summary>
    public double? SecondsAnEpoch => _epochs.Count == 0 ? null : _epochs.Average(e => e.Seconds);

    /// <summary>The time that the epochs to come will take, if none is left out.</summary>
    public TimeSpan Left(TrainingSettings settings) => IsOver(settings) ? TimeSpan.Zero : TimeSpan.FromSeconds((settings.Epochs - _epochs.Count) * (SecondsAnEpoch ?? 0));

    /// <summary>Whether there are as many epochs as there may be, or the best one was too long ago.</summary>
    public bool IsOver(TrainingSettings settings) =>
        _epochs.Count >= settings.Epochs || (settings.Patience > 0 && Best is { } best && _epochs.Count - best.Epoch >= settings.Patience);

    /// <summary>Adds an epoch with the parameters that it was validated with.</summary>
    public void Add(EpochRecord result, IReadOnlyList<LearnedParameter> parameters)
    {
        _epochs.Add(result);
        if (Best == result) _best = [.. parameters.Select(p => (float[])p.Values.Clone())];
    }

    /// <summary>Gives the parameters the values of the best epoch.</summary>
    public void TakeBest(IReadOnlyList<LearnedParameter> parameters)
    {
        for (int i = 0; i < parameters.Count; i++) _best![i].CopyTo(parameters[i].Values, 0);
    }
}
