using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Training.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), as PyTorch's <c>AdamW</c> computes it. Without decay it is Adam
/// (Kingma and Ba, arXiv 1412.6980).
/// </summary>
/// <param name="WeightDecay">The share of a weight, times the learning rate, that every step takes away; 0 or more.</param>
/// <param name="MaxGradientNorm">Gradients whose norm over all parameters is larger are scaled down to it; infinite for no bound.</param>
internal sealed record AdamW(double WeightDecay, double MaxGradientNorm = double.PositiveInfinity)
{
    // What both papers and every library take unless told otherwise.
    private const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    // Small enough that a core's share of a large matrix fits its cache, and far more than what a hand-over costs. The result does not depend on it.
    private const int PieceLength = 1 << 16;

    /// <summary>Changes the parameters by their gradients.</summary>
    /// <param name="parameters">What learns.</param>
    /// <param name="learningRate">The step's learning rate.</param>
    /// <param name="step">How many steps there were with this one, from 1.</param>
    /// <returns>The norm of the gradient over all parameters, before it was bounded.</returns>
    public double Step(IReadOnlyList<LearnedParameter> parameters, double learningRate, int step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        double norm = GradientNorm(parameters);
        float scale = norm > MaxGradientNorm ? (float)(MaxGradientNorm / norm) : 1;
        double correction1 = 1 - Math.Pow(Beta1, step), correction2 = 1 - Math.Pow(Beta2, step);
        foreach (LearnedParameter parameter in parameters)
        {
            // p -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon), with the corrections taken out of the loop.
            Coefficients c = new(
                scale,
                parameter.Decays ? (float)(1 - (learningRate * WeightDecay)) : 1,
                (float)(learningRate * Math.Sqrt(correction2) / correction1),
                (float)(Epsilon * Math.Sqrt(correction2)));
            int pieces = (parameter.Values.Length + PieceLength - 1) / PieceLength;
            if (pieces == 1) Update(parameter, 0, parameter.Values.Length, c);
            else Parallel.For(0, pieces, i => Update(parameter, i * PieceLength, Math.Min(PieceLength, parameter.Values.Length - (i * PieceLength)), c));
        }
        return norm;
    }

    /// <summary>The Euclidean norm of all gradients together.</summary>
    private static double GradientNorm(IReadOnlyList<LearnedParameter> parameters)
    {
        double sum = 0;
        foreach (LearnedParameter parameter in parameters)
        {
            // Sums of a few thousand floats each, added in double: a fixed order, so the same bits every time.
            for (int at = 0; at < parameter.Gradient.Length; at += PieceLength)
                sum += TensorPrimitives.SumOfSquares(parameter.Gradient.AsSpan(at, Math.Min(PieceLength, parameter.Gradient.Length - at)));
        }
        return Math.Sqrt(sum);
    }

    private static void Update(LearnedParameter parameter, int start, int count, Coefficients c)
    {
        Span<float> values = parameter.Values.AsSpan(start, count), first = parameter.FirstMoment.AsSpan(start, count), second = parameter.SecondMoment.AsSpan(start, count);
        ReadOnlySpan<float> gradient = parameter.Gradient.AsSpan(start, count);
        int whole = count - (count % Vector<float>.Count);
        Span<Vector<float>> p = MemoryMarshal.Cast<float, Vector<float>>(values), m = MemoryMarshal.Cast<float, Vector<float>>(first), v = MemoryMarshal.Cast<float, Vector<float>>(second);
        ReadOnlySpan<Vector<float>> g = MemoryMarshal.Cast<float, Vector<float>>(gradient);
        for (int i = 0; i < p.Length; i++)
        {
            Vector<float> scaled = g[i] * c.GradientScale;
            m[i] = (m[i] * (float)Beta1) + (scaled * (float)(1 - Beta1));
            v[i] = (v[i] * (float)Beta2) + (scaled * scaled * (float)(1 - Beta2));
            p[i] = (p[i] * c.Keep) - (m[i] * c.Rate / (Vector.SquareRoot(v[i]) + new Vector<float>(c.Epsilon)));
        }
        for (int i = whole; i < count; i++)
        {
            float scaled = gradient[i] * c.GradientScale;
            first[i] = (first[i] * (float)Beta1) + (scaled * (float)(1 - Beta1));
            second[i] = (second[i] * (float)Beta2) + (scaled * scaled * (float)(1 - Beta2));
            values[i] = (values[i] * c.Keep) - (first[i] * c.Rate / (MathF.Sqrt(second[i]) + c.Epsilon));
        }
    }

    private readonly record struct Coefficients(float GradientScale, float Keep, float Rate, float Epsilon);
}
