using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Tests.Optimization;

public sealed class ParameterAverageTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(100)]
    public void Mean_IsThatOfTheStepsAtFirst_AndThenAMovingOne(int steps)
    {
        LearnedParameter[] parameters = [Parameter("a", 37), Parameter("b", 5)];
        ParameterAverage average = new(parameters, steps);
        SplitMix64 random = new(3);
        double[][] twin = [.. parameters.Select(p => new double[p.Values.Length])];
        double[][] sums = [.. parameters.Select(p => new double[p.Values.Length])];
        for (int step = 1; step <= 20; step++)
        {
            for (int i = 0; i < parameters.Length; i++)
            {
                for (int j = 0; j < twin[i].Length; j++)
                {
                    float value = parameters[i].Values[j] = (float)random.Between(-1, 1);
                    sums[i][j] += value;
                    twin[i][j] = step <= steps ? sums[i][j] / step : twin[i][j] + ((value - twin[i][j]) / steps);
                }
            }
            average.Add(step);
            for (int i = 0; i < parameters.Length; i++) Assert.Equal(twin[i], average.Values[i].Select(v => (double)v), (a, b) => Math.Abs(a - b) < 1e-6);
            // Of one step it is the parameters themselves.
            if (steps == 1) Assert.Equal(parameters[0].Values, average.Values[0]);
        }
    }

    [Fact]
    public void Means_AreInTheParametersPlaceMeanwhile_AndNothingIsLost()
    {
        LearnedParameter parameter = Parameter("a", 3);
        ParameterAverage average = new([parameter], 2);
        foreach (int step in (int[])[1, 2])
        {
            Array.Fill(parameter.Values, step);
            average.Add(step);
        }
        average.Instead(() => Assert.Equal([1.5f, 1.5f, 1.5f], parameter.Values));
        Assert.Equal([2f, 2f, 2f], parameter.Values);
        Assert.Throws<InvalidOperationException>(() => average.Instead(() => throw new InvalidOperationException()));
        Assert.Equal([2f, 2f, 2f], parameter.Values);
        Assert.Equal([1.5f, 1.5f, 1.5f], average.Values[0]);
    }

    private static LearnedParameter Parameter(string name, int length) => new(new Parameter(name, [length]), new float[length]);
}
