namespace MeLo.Edge.Training.Optimization;

/// <summary>
/// A learning rate that rises in a straight line over the first steps and then falls along half a cosine (Loshchilov and Hutter, arXiv 1608.03983, equation 5,
/// without restarts).
/// </summary>
/// <param name="Peak">The highest rate.</param>
/// <param name="Floor">The rate of the last step.</param>
/// <param name="WarmupSteps">The steps that rise; 0 or more.</param>
/// <param name="Steps">All steps.</param>
internal sealed record CosineSchedule(double Peak, double Floor, int WarmupSteps, int Steps)
{
    /// <summary>The rate of a step, from 0.</summary>
    public double At(int step)
    {
        if (step < WarmupSteps) return Peak * (step + 1) / (WarmupSteps + 1);
        int falling = Math.Max(1, Steps - 1 - WarmupSteps);
        double progress = Math.Min(1.0, (step - WarmupSteps) / (double)falling);
        return Floor + ((Peak - Floor) * (1 + Math.Cos(Math.PI * progress)) / 2);
    }
}
