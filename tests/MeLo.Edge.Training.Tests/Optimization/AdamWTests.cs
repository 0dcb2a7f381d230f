using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Tests.Optimization;

public sealed class AdamWTests
{
    private const int Length = 70_003; // more than one piece, and no multiple of any vector

    [Theory]
    [InlineData(0.0, double.PositiveInfinity)]
    [InlineData(0.05, 1.0)]
    public void Step_FollowsThePaperInDoublePrecision(double decay, double maxNorm)
    {
        LearnedParameter matrix = Parameter("matrix", [Length, 1], 1), square = Parameter("square", [7, 9], 2), bias = Parameter("bias", [13], 3);
        LearnedParameter[] parameters = [matrix, square, bias];
        Twin[] twins = [.. parameters.Select(p => new Twin(p))];
        AdamW optimizer = new(decay, maxNorm);
        for (int step = 1; step <= 5; step++)
        {
            for (int k = 0; k < parameters.Length; k++) Fill(parameters[k].Gradient, (ulong)((step * 10) + k), 0.01);
            double norm = Math.Sqrt(parameters.Sum(p => p.Gradient.Sum(g => (double)g * g)));
            double scale = norm > maxNorm ? maxNorm / norm : 1, rate = 0.01 / step;
            Assert.Equal(norm, optimizer.Step(parameters, rate, step), norm * 1e-6);
            foreach (Twin twin in twins) twin.Step(rate, decay, scale, step);
        }
        foreach (Twin twin in twins) twin.Check();
    }

    [Fact]
    public void Decay_IsForMatricesAlone()
    {
        Assert.True(Parameter("w", [4, 8], 1).Decays);
        Assert.False(Parameter("b", [8], 1).Decays);
        Assert.False(Parameter("token", [1, 8], 1).Decays);
    }

    private static LearnedParameter Parameter(string name, long[] shape, ulong seed)
    {
        float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        Fill(values, seed, 1);
        return new LearnedParameter(new Parameter(name, shape), values);
    }

    private static void Fill(float[] values, ulong seed, double size)
    {
        SplitMix64 random = new(seed);
        for (int i = 0; i < values.Length; i++) values[i] = (float)random.Between(-size, size);
    }

    // Algorithm 2 of arXiv 1711.05101 line by line, with the schedule's multiplier in the learning rate as PyTorch has it.
    private sealed class Twin(LearnedParameter parameter)
    {
        private readonly double[] _values = [.. parameter.Values.Select(v => (double)v)], _m = new double[parameter.Values.Length], _v = new double[parameter.Values.Length];

        public void Step(double rate, double decay, double scale, int step)
        {
            for (int i = 0; i < _values.Length; i++)
            {
                double g = parameter.Gradient[i] * scale;
                if (parameter.Decays) _values[i] *= 1 - (rate * decay);
                _m[i] = (0.9 * _m[i]) + (0.1 * g);
                _v[i] = (0.999 * _v[i]) + (0.001 * g * g);
                double m = _m[i] / (1 - Math.Pow(0.9, step)), v = _v[i] / (1 - Math.Pow(0.999, step));
                _values[i] -= rate * m / (Math.Sqrt(v) + 1e-8);
            }
        }

        public void Check()
        {
            for (int i = 0; i < _values.Length; i++) Assert.Equal(_values[i], parameter.Values[i], 1e-5);
        }
    }
}
