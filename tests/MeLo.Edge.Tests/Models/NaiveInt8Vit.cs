using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>
/// The twin of the int8 graph: for every group of features, every linear's weights rounded to signed bytes with one scale an output, its input to
/// bytes over the range of every token, both turned by a Hadamard matrix in the MLP; all else in double precision.
/// </summary>
internal sealed class NaiveInt8Vit(RandomVit vit, int groupFeatures = 256) : NaiveVit(vit)
{
    protected override double[][] Linear(double[][] x, string name)
    {
        float[] weight = W($"{name}.weight");
        int inputs = x[0].Length;
        if (name.EndsWith(".fc1", StringComparison.Ordinal) || name.EndsWith(".fc2", StringComparison.Ordinal))
        {
            weight = [.. weight.Chunk(inputs).SelectMany(output => Hadamard.Turned([.. output.Select(w => (double)w)], 64)).Select(w => (float)w)];
            x = [.. x.Select(token => Hadamard.Turned(token))];
        }
        return Product([.. x.Select(token => token.Chunk(groupFeatures).SelectMany(RoundedToBytes).ToArray())], RoundedWeights(weight, inputs), name);
    }

    private static IEnumerable<double> RoundedToBytes(double[] group)
    {
        double low = group.Min(), scale = (group.Max() - low) / 255;
        return group.Select(v => scale == 0 ? low : (Math.Round((v - low) / scale) * scale) + low);
    }

    // [out, in], as checkpoints have weights; in binary32, as the definition has it: one weight on the other side of a tie is a visible difference.
    private double[] RoundedWeights(float[] weight, int inputs) =>
        [.. weight.Chunk(inputs).SelectMany(output => output.Chunk(groupFeatures)).SelectMany(group =>
        {
            float largest = group.Max(MathF.Abs);
            return group.Select(w => (double)MathF.Round(w * (127 / largest)) * (largest / 127));
        })];
}
