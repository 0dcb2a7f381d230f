using MeLo.Edge.Adapters;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

public sealed class CompensatedRoundingTests
{
    [Theory]
    [InlineData(8, 5)]
    [InlineData(96, 70)]
    [InlineData(InputGrams.BlockFeatures + 40, 64)]
    public void OutputsOnTypicalInputs_AreCloserThanRoundedToTheNearest(int rows, int columns)
    {
        Random random = new(rows);
        double[][] inputs = Correlated(random, rows, 4 * rows);
        float[] weights = Weights(random, rows * columns), rounded = [.. weights];
        CompensatedRounding.Round(rounded, columns, Grams(inputs, rows));
        double compensated = OutputError(weights, rounded, inputs, columns), nearest = OutputError(weights, Nearest(weights, columns), inputs, columns);
        Assert.True(compensated < 0.6 * nearest, $"off by {compensated:G3}, rounded to the nearest by {nearest:G3}");
    }

    [Fact]
    public void OrderOfTheFeatures_ChangesNothing_BecauseTheLargestInputsAreRoundedFirst()
    {
        const int rows = 48, columns = 20;
        Random random = new(11);
        double[][] inputs = Correlated(random, rows, 4 * rows);
        foreach (double[] x in inputs)
            for (int i = 0; i < rows; i++) x[i] *= 1 + i; // so that no two features are alike
        float[] weights = Weights(random, rows * columns), rounded = [.. weights], backwards = [.. Enumerable.Range(0, rows).Reverse().SelectMany(i => weights[(i * columns)..((i + 1) * columns)])];
        CompensatedRounding.Round(rounded, columns, Grams(inputs, rows));
        CompensatedRounding.Round(backwards, columns, Grams([.. inputs.Select(x => (double[])[.. x.Reverse()])], rows));
        for (int i = 0; i < rows; i++)
            for (int o = 0; o < columns; o++) Assert.Equal(rounded[(i * columns) + o], backwards[((rows - 1 - i) * columns) + o], 1e-6f);
    }

    [Fact]
    public void Result_IsWholeSteps_OfTheScaleOfItsColumnAndGroup()
    {
        const int rows = 300, columns = 70;
        Random random = new(3);
        float[] weights = Weights(random, rows * columns), rounded = [.. weights];
        for (int i = 0; i < rows; i++) rounded[i * columns] = weights[i * columns] = 0; // and a column of zeros
        CompensatedRounding.Round(rounded, columns, Grams(Correlated(random, rows, 100), rows));
        foreach (int[] group in Enumerable.Range(0, rows).Chunk(256))
        {
            for (int o = 0; o < columns; o++)
            {
                float largest = group.Max(i => MathF.Abs(weights[(i * columns) + o]));
                Assert.Equal(largest, group.Max(i => MathF.Abs(rounded[(i * columns) + o])));
                if (largest == 0) continue;
                foreach (int i in group)
                {
                    double steps = rounded[(i * columns) + o] / (largest / 127.0);
                    Assert.Equal(Math.Round(steps), steps, 1e-3);
                }
            }
        }
    }

    [Fact]
    public void InputsThatAreNeverThere_LeaveRoundingToTheNearest()
    {
        const int rows = 12, columns = 9;
        float[] weights = Weights(new Random(1), rows * columns), rounded = [.. weights];
        CompensatedRounding.Round(rounded, columns, [new double[rows * rows]]);
        float[] nearest = Nearest(weights, columns);
        for (int i = 0; i < rounded.Length; i++) Assert.Equal(nearest[i], rounded[i], 1e-6f);
    }

    [Fact]
    public void Factors_AreTheRowsOfTheInversesUpperCholeskyFactor()
    {
        const int n = 7;
        double[] gram = Grams(Correlated(new Random(5), n, 50), n)[0];
        float[] factors = CompensatedRounding.Factors(gram, n);
        // G⁻¹ = UᵀU is LDLᵀ with L = (U over its diagonal)ᵀ: row i of the factors times G is zero from column i + 1 on.
        double mean = Enumerable.Range(0, n).Average(i => gram[(i * n) + i]);
        for (int i = 0; i < n; i++)
        {
            Assert.Equal(1, factors[(i * n) + i], 1e-6f);
            for (int c = i + 1; c < n; c++)
            {
                double sum = Enumerable.Range(i, n - i).Sum(k => factors[(i * n) + k] * (gram[(k * n) + c] + (k == c ? 0.01 * mean : 0)));
                Assert.Equal(0, sum / mean, 1e-5);
            }
        }
    }

    // Neighbouring features go together, as those of a trained model do.
    private static double[][] Correlated(Random random, int features, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        double[] x = new double[features];
        double common = 0;
        for (int i = 0; i < features; i++) x[i] = common = (0.9 * common) + (0.4 * (random.NextDouble() - 0.5));
        return x;
    })];

    private static double[][] Grams(double[][] inputs, int features)
    {
        List<double[]> blocks = [];
        for (int first = 0; first < features; first += InputGrams.BlockFeatures)
        {
            int n = Math.Min(InputGrams.BlockFeatures, features - first);
            double[] gram = new double[n * n];
            foreach (double[] x in inputs)
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++) gram[(i * n) + j] += x[first + i] * x[first + j];
            blocks.Add(gram);
        }
        return [.. blocks];
    }

    private static float[] Weights(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];

    private static float[] Nearest(float[] weights, int columns)
    {
        float[] nearest = [.. weights];
        foreach (int[] group in Enumerable.Range(0, weights.Length).GroupBy(at => (at % columns, at / columns / 256)).Select(g => g.ToArray()))
        {
            float scale = QuantizedMerge.Scale(group.Max(at => MathF.Abs(weights[at])), out float inverse);
            foreach (int at in group) nearest[at] = MathF.Round(weights[at] * inverse) * scale;
        }
        return nearest;
    }

    private static double OutputError(float[] exact, float[] rounded, double[][] inputs, int columns)
    {
        double sum = 0;
        foreach (double[] x in inputs)
            for (int o = 0; o < columns; o++)
            {
                double difference = 0;
                for (int i = 0; i < x.Length; i++) difference += x[i] * (exact[(i * columns) + o] - rounded[(i * columns) + o]);
                sum += difference * difference;
            }
        return Math.Sqrt(sum / inputs.Length / columns);
    }
}
