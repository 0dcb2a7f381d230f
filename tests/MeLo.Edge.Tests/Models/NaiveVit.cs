using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>
/// A Vision Transformer as the paper writes it (arXiv 2010.11929, equations 1 to 4), in loops and double precision: every token of
/// every block, nothing fused, nothing left out.
/// </summary>
internal class NaiveVit(RandomVit vit)
{
    private readonly VitArchitecture _shape = vit.Architecture;

    /// <summary>The heads' mean attention of every block that was gone through so far, [tokens, tokens].</summary>
    public List<double[][]> MeanAttention { get; } = [];

    /// <summary>The pooled features of each image, [batch, dim].</summary>
    public float[] Features(float[] pixels)
    {
        int image = 3 * _shape.ImageSize * _shape.ImageSize;
        return [.. Enumerable.Range(0, pixels.Length / image).SelectMany(b => Image(pixels.AsSpan(b * image, image).ToArray())).Select(v => (float)v)];
    }

    private double[] Image(float[] pixels)
    {
        double[][] x = Embed(pixels);
        for (int i = 0; i < _shape.Depth; i++)
        {
            double[][] attended = Attention(x.Select(t => Norm(t, $"{i}.n1")).ToArray(), i);
            x = Sum(x, attended);
            double[][] hidden = Linear(x.Select(t => Norm(t, $"{i}.n2")).ToArray(), $"{i}.fc1").Select(t => t.Select(Gelu).ToArray()).ToArray();
            x = Sum(x, Linear(hidden, $"{i}.fc2"));
        }
        if (_shape.FinalNorm == VitFinalNorm.BeforePooling) x = x.Select(t => Norm(t, "norm")).ToArray();
        double[] pooled = _shape.Pooling == VitPooling.ClassToken
            ? x[0]
            : Enumerable.Range(0, _shape.Dim).Select(c => x.Skip(_shape.HasClassToken ? 1 : 0).Average(t => t[c])).ToArray();
        return _shape.FinalNorm == VitFinalNorm.AfterPooling ? Norm(pooled, "norm") : pooled;
    }

    private double[][] Embed(float[] pixels)
    {
        (int size, int patch, int grid, int dim) = (_shape.ImageSize, _shape.PatchSize, _shape.Grid, _shape.Dim);
        float[] pos = W("pos");
        List<double[]> patches = [];
        for (int gy = 0; gy < grid; gy++)
            for (int gx = 0; gx < grid; gx++)
            {
                List<double> values = [];
                for (int c = 0; c < 3; c++)
                    for (int y = 0; y < patch; y++)
                        for (int x = 0; x < patch; x++) values.Add(pixels[(((c * size) + (gy * patch) + y) * size) + (gx * patch) + x]);
                patches.Add([.. values]);
            }
        List<double[]> tokens = [.. Linear([.. patches], "patch")];
        if (_shape.HasClassToken && vit.ClassTokenHasPosition) tokens.Insert(0, ClassToken());
        for (int t = 0; t < tokens.Count; t++)
            for (int d = 0; d < dim; d++) tokens[t][d] += pos[(t * dim) + d];
        if (_shape.HasClassToken && !vit.ClassTokenHasPosition) tokens.Insert(0, ClassToken());
        return [.. tokens];

        double[] ClassToken() => [.. W("cls").Select(v => (double)v)];
    }

    private double[][] Attention(double[][] x, int layer)
    {
        int width = _shape.Dim / _shape.Heads;
        double[][] q = Linear(x, $"{layer}.q"), k = Linear(x, $"{layer}.k"), v = Linear(x, $"{layer}.v");
        double[][] mixed = x.Select(_ => new double[_shape.Dim]).ToArray(), mean = x.Select(_ => new double[x.Length]).ToArray();
        for (int h = 0; h < _shape.Heads; h++)
            for (int t = 0; t < x.Length; t++)
            {
                double[] scores = k.Select(key => Enumerable.Range(h * width, width).Sum(c => q[t][c] * key[c]) / Math.Sqrt(width)).ToArray();
                double largest = scores.Max();
                double[] shares = scores.Select(s => Math.Exp(s - largest)).ToArray();
                double total = shares.Sum();
                for (int s = 0; s < x.Length; s++) mean[t][s] += shares[s] / total / _shape.Heads;
                for (int c = h * width; c < (h + 1) * width; c++)
                    for (int s = 0; s < x.Length; s++) mixed[t][c] += shares[s] / total * v[s][c];
            }
        MeanAttention.Add(mean);
        return Linear(mixed, $"{layer}.o");
    }

    /// <summary>x W^T + b for every token.</summary>
    protected virtual double[][] Linear(double[][] x, string name) => Product(x, [.. W($"{name}.weight").Select(v => (double)v)], name);

    /// <summary>x W^T + b for every token, with the weights given.</summary>
    protected double[][] Product(double[][] x, double[] weight, string name)
    {
        float[]? bias = vit.Weights.TryGetValue($"{name}.bias", out (long[], float[] Values) b) ? b.Values : null;
        return [.. x.Select(t =>
        {
            double[] y = new double[weight.Length / t.Length];
            for (int o = 0; o < y.Length; o++)
            {
                double sum = bias?[o] ?? 0;
                for (int i = 0; i < t.Length; i++) sum += weight[(o * t.Length) + i] * t[i];
                y[o] = sum;
            }
            return y;
        })];
    }

    private double[] Norm(double[] x, string name)
    {
        float[] weight = W($"{name}.weight"), bias = W($"{name}.bias");
        double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
        return [.. x.Select((v, i) => ((v - mean) / Math.Sqrt(variance + _shape.LayerNormEpsilon) * weight[i]) + bias[i])];
    }

    private static double[][] Sum(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p + q).ToArray())];

    private static double Gelu(double x) => x / 2 * (1 + ErrorFunction.Erf(x / Math.Sqrt(2)));

    protected float[] W(string name) => vit.Weights[name].Values;
}
