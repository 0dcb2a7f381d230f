using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>
/// The twin of the int8 graph: every linear's weights rounded to signed bytes with one scale an output, its input to bytes over the range
/// of the whole tensor as ONNX's DynamicQuantizeLinear defines it; all else in double precision.
/// </summary>
internal sealed class NaiveInt8Vit(RandomVit vit, IReadOnlyDictionary<int, OutlierChannels> outliers) : NaiveVit(vit)
{
    private readonly VitArchitecture _shape = vit.Architecture;

    protected override double[][] Linear(double[][] x, string name)
    {
        int layer = name[0] - '0';
        string linear = name[2..];
        double[] weight = Rounded(W($"{name}.weight"), x[0].Length);
        // The graph computes the last block's class token alone, from there on.
        bool alone = layer == _shape.Depth - 1 && _shape.Pooling == VitPooling.ClassToken && (linear is "o" or "fc1" or "fc2");
        double[][] beyond = [.. x.Select(t => new double[t.Length])];
        if (linear == "fc2" && outliers.TryGetValue(layer, out OutlierChannels? found))
        {
            x = [.. x.Select(t => t.ToArray())];
            for (int t = 0; t < x.Length; t++)
                foreach (int c in found.Channels)
                {
                    beyond[t][c] = Math.Max(0, x[t][c] - found.Limit);
                    x[t][c] -= beyond[t][c];
                }
        }
        double[] range = [.. (alone ? x[..1] : x).SelectMany(t => t)];
        double low = Math.Min(0, range.Min()), high = Math.Max(0, range.Max());
        double scale = (high - low) / 255, zero = Math.Round(-low / scale);
        double[][] bytes = [.. x.Select((t, token) => t.Select((v, c) => ((Math.Clamp(Math.Round(v / scale) + zero, 0, 255) - zero) * scale) + beyond[token][c]).ToArray())];
        return Product(bytes, weight, name);
    }

    private static double[] Rounded(float[] weight, int inputs)
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
