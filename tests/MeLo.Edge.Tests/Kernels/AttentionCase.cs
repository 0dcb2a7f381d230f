using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>Tensors of one attention, and the same computed plainly in binary64.</summary>
internal sealed unsafe class AttentionCase : IDisposable
{
    private const double Unit = 1 / 16777216d; // 2^-24: the relative error of one rounding
    private readonly int _images, _asking, _tokens, _heads, _w;

    public AttentionCase(
        int images, int asking, int tokens, int heads, int w, int queryOffset = 0, int keyOffset = 0, int valueOffset = 0, int outputOffset = 0)
    {
        (_images, _asking, _tokens, _heads, _w) = (images, asking, tokens, heads, w);
        Query = new(images * asking * heads * w, queryOffset);
        Key = new(images * tokens * heads * w, keyOffset);
        Value = new(images * tokens * heads * w, valueOffset);
        Output = new(images * asking * heads * w, outputOffset);
        Job = new(Query.Pointer, Key.Pointer, Value.Pointer, Output.Pointer, images, asking, tokens, heads, w);
    }

    public NativeFloats Query { get; }

    public NativeFloats Key { get; }

    public NativeFloats Value { get; }

    public NativeFloats Output { get; }

    public Attention Job { get; }

    /// <summary>Fills the inputs: queries and keys up to ±spread, values up to ±1.</summary>
    public void Fill(Random random, float spread)
    {
        foreach (ref float x in Query.Span) x = spread * ((2 * random.NextSingle()) - 1);
        foreach (ref float x in Key.Span) x = spread * ((2 * random.NextSingle()) - 1);
        foreach (ref float x in Value.Span) x = (2 * random.NextSingle()) - 1;
    }

    public float[] Run(VectorWidth width)
    {
        Output.Span.Fill(12345);
        for (int task = 0; task < Job.TaskCount; task++) Job.Run(task, width);
        Assert.True(Query.GuardsHold && Key.GuardsHold && Value.GuardsHold && Output.GuardsHold, $"{width} wrote outside its destination");
        return Output.Span.ToArray();
    }

    /// <summary>Runs all tasks of the attention with bfloat16 products.</summary>
    public float[] RunBfloat16(int threads)
    {
        Output.Span.Fill(12345);
        Bfloat16Attention job = new(Job, threads);
        for (int task = 0; task < job.TaskCount; task++) job.Run(task);
        Assert.True(Query.GuardsHold && Key.GuardsHold && Value.GuardsHold && Output.GuardsHold, "wrote outside its destination");
        return Output.Span.ToArray();
    }

    /// <summary>Makes keys, values and scaled queries numbers that bfloat16 has: the last ones but for binary32's rounding, which bfloat16's undoes.</summary>
    public void RoundInputs()
    {
        foreach (ref float x in Key.Span) x = Bfloat16.Round(x);
        foreach (ref float x in Value.Span) x = Bfloat16.Round(x);
        float scale = (float)(1 / (Math.Sqrt(_w) * Math.Log(2)));
        foreach (ref float x in Query.Span) x = Bfloat16.Round(x) / scale;
    }

    /// <summary>The result, and how far binary32 may be from it.</summary>
    /// <param name="inputs">The relative error that scaled queries, keys and values have besides.</param>
    /// <param name="weighting">The same of the softmax's weights.</param>
    public (double[] Output, double[] Bounds) Exact(double inputs = 0, double weighting = 0)
    {
        double[] output = new double[Output.Length], bounds = new double[Output.Length];
        Span<float> query = Query.Span, key = Key.Span, value = Value.Span;
        double[] scores = new double[_tokens], errors = new double[_tokens];
        int dim = _heads * _w;
        for (int image = 0; image < _images; image++)
        {
            for (int head = 0; head < _heads; head++)
            {
                for (int i = 0; i < _asking; i++)
                {
                    int row = (((image * _asking) + i) * dim) + (head * _w);
                    for (int j = 0; j < _tokens; j++)
                    {
                        double sum = 0, magnitude = 0;
                        for (int c = 0; c < _w; c++)
                        {
                            double product = (double)query[row + c] * key[(((image * _tokens) + j) * dim) + (head * _w) + c];
                            sum += product;
                            magnitude += Math.Abs(product);
                        }
                        scores[j] = sum / Math.Sqrt(_w);
                        errors[j] = (((_w + 2) * Unit) + (2 * inputs) + (inputs * inputs)) * magnitude / Math.Sqrt(_w);
                    }
                    double maximum = scores.Max(), worst = errors.Max();
                    double[] weights = [.. scores.Select(s => Math.Exp(s - maximum))];
                    double total = weights.Sum();
                    // A score that is off by d changes its weight by a factor e^d; subtraction and 2^x add theirs.
                    double relative = Math.Exp(2 * worst) - 1 + ((8 + (2 * _tokens)) * Unit);
                    relative += weights.Select((weight, j) => weight / total * Unit * Math.Abs(scores[j] - maximum)).Sum();
                    for (int c = 0; c < _w; c++)
                    {
                        double sum = 0, magnitude = 0;
                        for (int j = 0; j < _tokens; j++)
                        {
                            double term = weights[j] / total * value[(((image * _tokens) + j) * dim) + (head * _w) + c];
                            sum += term;
                            magnitude += Math.Abs(term);
                        }
                        output[row + c] = sum;
                        bounds[row + c] = ((2 * relative) + ((1 + relative) * (inputs + weighting + (inputs * weighting)))) * magnitude + 1e-30;
                    }
                }
            }
        }
        return (output, bounds);
    }

    /// <summary>Whether an output is as close to the exact one as <see cref="Exact"/> says.</summary>
    public void AssertClose(float[] output, double inputs = 0, double weighting = 0, string what = "output")
    {
        (double[] exact, double[] bounds) = Exact(inputs, weighting);
        for (int i = 0; i < exact.Length; i++) Assert.True(Math.Abs(output[i] - exact[i]) <= bounds[i], $"{what}: [{i}] is {output[i]}, expected {exact[i]} within {bounds[i]}");
    }

    public void Dispose()
    {
        Query.Dispose();
        Key.Dispose();
        Value.Dispose();
        Output.Dispose();
    }
}
