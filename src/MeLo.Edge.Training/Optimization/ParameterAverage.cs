using System.Numerics.Tensors;

namespace MeLo.Edge.Training.Optimization;

/// <summary>
/// The mean of the parameters over the last steps, which answers better than where the last step happened to end (Polyak and Juditsky, SIAM Journal on Control and Optimization 30, 1992): all steps count alike at first, and then as a
/// moving average the later ones more. The optimiser knows nothing of it.
/// </summary>
/// <param name="parameters">What learns.</param>
/// <param name="steps">Over about how many steps, from 1; 1 is the parameters themselves.</param>
internal sealed class ParameterAverage(IReadOnlyList<LearnedParameter> parameters, int steps)
{
    private readonly float[][] _values = [.. parameters.Select(p => new float[p.Values.Length])];

    /// <summary>The mean of each parameter.</summary>
    public IReadOnlyList<float[]> Values => _values;

    /// <summary>Takes in what a step came to.</summary>
    /// <param name="step">How many steps there were with this one, from 1.</param>
    public void Add(int step)
    {
        float share = 1f / Math.Min(step, steps);
        for (int i = 0; i < _values.Length; i++)
        {
            // At a share of 1 the parameter itself, to the bit.
            if (share == 1) parameters[i].Values.CopyTo(_values[i], 0);
            else TensorPrimitives.Lerp(_values[i], parameters[i].Values, share, _values[i]);
        }
    }

    /// <summary>Does something with the means in the parameters' place.</summary>
    public void Instead(Action work)
    {
        Exchange();
        try
        {
            work();
        }
        finally
        {
            Exchange();
        }
    }

    private void Exchange()
    {
        for (int i = 0; i < _values.Length; i++)
        {
            float[] mean = _values[i], values = parameters[i].Values;
            for (int j = 0; j < mean.Length; j++) (mean[j], values[j]) = (values[j], mean[j]);
        }
    }
}
