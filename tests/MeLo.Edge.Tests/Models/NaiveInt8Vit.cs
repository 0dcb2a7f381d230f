using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>
/// The twin of the int8 graph: every linear's weights rounded to signed bytes with one scale an output, its input to bytes over the range
/// of every token's every group of features; all else in double precision.
/// </summary>
internal sealed class NaiveInt8Vit(RandomVit vit, int groupFeatures = 256) : NaiveVit(vit)
{
    protected override double[][] Linear(double[][] x, string name) =>
        Product([.. x.Select(token => token.Chunk(groupFeatures).SelectMany(RoundedToBytes).ToArray())], RoundedWeights(W($"{name}.weight"), x[0].Length), name);

    private static IEnumerable<double> RoundedToBytes(double[] group)
    {
        double low = group.Min(), scale = (group.Max() - low) / 255;
        return group.Select(v => scale == 0 ? low : (Math.Round((v - low) / scale) * scale) + low);
    }

    private static double[] RoundedWeights(float[] weight, int inputs)
    {
        double[] rounded = new double[weight.Length];
        for (int o = 0; o < weight.Length / inputs; o++)
        {
            Span<float> row = weight.AsSpan(o * inputs, inputs);
            double largest = 0;
            foreach (float w in row) largest = Math.Max(largest, Math.Abs(w));
            double scale = largest / 127;
            for (int i = 0; i < inputs; i++) rounded[(o * inputs) + i] = Math.Round(row[i] / scale) * scale;
        }
        return rounded;
    }
}
