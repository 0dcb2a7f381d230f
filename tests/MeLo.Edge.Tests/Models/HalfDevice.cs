using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>What a device does within an operator of binary16; what it writes is binary16 in any case.</summary>
[Flags]
internal enum HalfArithmetic
{
    /// <summary>It computes in binary32, as CUDA's kernels do.</summary>
    Single = 0,
    /// <summary>Products are added up in binary16, one after the other, as WebGPU's are.</summary>
    Sums = 1,
    /// <summary>The softmax's exponentials and their sum are binary16.</summary>
    Softmax = 2,
    /// <summary>Layer normalisation computes in binary16 but for mean and variance, as WebGPU's does.</summary>
    Norms = 4,
}

/// <summary>
/// A device with arithmetic in binary16, which ONNX Runtime's CPU provider is not: it keeps binary32 from node to node where it has no kernel for
/// binary16, and takes away pairs of casts. The fp16 graph is made one of binary32 whose every value that would be binary16 is rounded by an operator that
/// the runtime does not know and so leaves alone.
/// </summary>
internal static unsafe class HalfDevice
{
    private const string DomainName = "melo.test.half";
    private const ElementType F32 = ElementType.F32;

    private static readonly OrtOperatorDomain s_domain = new(
        DomainName,
        new OrtOperator("Round", [F32], 1, [F32], _ => new Kernel(Round)),
        new OrtOperator("MatMul", [F32, F32], 2, [F32], _ => new Kernel(MatMul)),
        new OrtOperator("PatchConv", [F32, F32, F32], 3, [F32], _ => new Kernel(PatchConv)),
        new OrtOperator("Softmax", [F32], 1, [F32], _ => new Kernel(Softmax)),
        new OrtOperator("LayerNormalization", [F32, F32, F32], 3, [F32], info =>
        {
            float epsilon = info.Single("epsilon");
            return new Kernel(context => LayerNormalization(context, epsilon));
        }));

    /// <summary>A session of the fp16 graph as such a device would compute it; its inputs are binary32.</summary>
    /// <param name="half">The graph.</param>
    /// <param name="folder">Where its weights lie.</param>
    /// <param name="arithmetic">What happens within an operator.</param>
    public static OrtSession Session(GraphBuilder half, string folder, HalfArithmetic arithmetic)
    {
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(2).WithOperators(s_domain);
        return OrtSession.Create(OnnxWriter.ToBytes(Emulated(half, folder, arithmetic)), options);
    }

    private static GraphBuilder Emulated(GraphBuilder half, string folder, HalfArithmetic arithmetic)
    {
        GraphBuilder graph = new(half.Name);
        graph.UseOperatorSet(DomainName, 1);
        Dictionary<GraphValue, GraphValue> values = [];
        foreach (GraphValue input in half.Inputs) values.Add(input, graph.Input(input.Name, F32, [.. input.Shape]));
        foreach (GraphValue initializer in half.Initializers)
        {
            byte[] bytes = Bytes(initializer.Initializer!, folder);
            if (initializer.Type == ElementType.F16) bytes = [.. MemoryMarshal.AsBytes<float>([.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(v => (float)v)])];
            values.Add(initializer, graph.Initializer(initializer.Name, Type(initializer), [.. initializer.Shape.Select(d => d.Size)], new InitializerData.Inline(bytes)));
        }
        foreach (GraphNode node in half.Nodes)
        {
            GraphValue output = node.Output;
            GraphValue?[] inputs = [.. node.Inputs.Select(i => i is null ? null : values[i])];
            (string type, NodeAttribute[] attributes, string domain) = Operator(node, arithmetic);
            bool rounds = output.Type == ElementType.F16 && domain.Length == 0;
            GraphValue value = graph.Node(type, inputs, Type(output), output.Shape, attributes, rounds ? $"{output.Name}.exact" : output.Name, domain);
            if (rounds) value = graph.Node("Round", [value], F32, output.Shape, [], output.Name, DomainName);
            values.Add(output, value);
        }
        foreach (GraphValue output in half.Outputs) graph.Output(values[output]);
        return graph;
    }

    private static (string Type, NodeAttribute[] Attributes, string Domain) Operator(GraphNode node, HalfArithmetic arithmetic)
    {
        bool half = node.Output.Type == ElementType.F16;
        return node.OperatorType switch
        {
            "Cast" => ("Identity", [], ""), // the types are the same now; what is cast to binary16 is rounded behind it
            "MatMul" when half && arithmetic.HasFlag(HalfArithmetic.Sums) => ("MatMul", [], DomainName),
            "Conv" when half && arithmetic.HasFlag(HalfArithmetic.Sums) => ("PatchConv", [], DomainName),
            "Softmax" when arithmetic.HasFlag(HalfArithmetic.Softmax) => ("Softmax", [], DomainName),
            "LayerNormalization" when half && arithmetic.HasFlag(HalfArithmetic.Norms) => ("LayerNormalization", [node.Attribute("epsilon")!], DomainName),
            string other => (other, [.. node.Attributes], ""),
        };
    }

    private static ElementType Type(GraphValue value) => value.Type == ElementType.F16 ? F32 : value.Type;

    private static byte[] Bytes(InitializerData data, string folder)
    {
        if (data is InitializerData.Inline inline) return inline.Bytes.ToArray();
        InitializerData.External external = (InitializerData.External)data;
        using FileStream file = File.OpenRead(Path.Combine(folder, external.Location));
        file.Position = external.Offset;
        byte[] bytes = new byte[external.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    // ---- the operators ----

    private static void Round(OrtKernelContext context)
    {
        OrtKernelInput x = context.Input(0);
        float* y = (float*)context.Output(0, x.Shape);
        for (long i = 0; i < x.ElementCount; i++) y[i] = Half(((float*)x.Data)[i]);
    }

    // [..., m, k] x [..., k, n], the second's leading dimensions the first's or none.
    private static void MatMul(OrtKernelContext context)
    {
        OrtKernelInput a = context.Input(0), b = context.Input(1);
        int m = (int)a.Shape[^2], k = (int)a.Shape[^1], n = (int)b.Shape[^1];
        float* y = (float*)context.Output(0, [.. a.Shape[..^1], n]);
        int matrices = (int)(a.ElementCount / ((long)m * k)), step = b.Shape.Length > 2 ? k * n : 0;
        for (int i = 0; i < matrices; i++) Product((float*)a.Data + ((long)i * m * k), (float*)b.Data + ((long)i * step), y + ((long)i * m * n), m, k, n);
    }

    // [b, 3, h, w] and weight [d, 3, p, p] -> [b, d, h/p, w/p]: each patch's pixels times the weights.
    private static void PatchConv(OrtKernelContext context)
    {
        OrtKernelInput x = context.Input(0), weight = context.Input(1), bias = context.Input(2);
        (int images, int channels, int size) = ((int)x.Shape[0], (int)x.Shape[1], (int)x.Shape[2]);
        (int dim, int patch) = ((int)weight.Shape[0], (int)weight.Shape[2]);
        int grid = size / patch, features = channels * patch * patch, patches = images * grid * grid;
        float[] pixels = new float[patches * features], product = new float[patches * dim];
        for (int p = 0; p < patches; p++)
            for (int f = 0; f < features; f++)
            {
                (int image, int row, int column) = (p / (grid * grid), (p / grid % grid * patch) + (f / patch % patch), (p % grid * patch) + (f % patch));
                pixels[(p * features) + f] = ((float*)x.Data)[(((((image * channels) + (f / (patch * patch))) * size) + row) * size) + column];
            }
        float[] transposed = BaseRun.Transposed(new ReadOnlySpan<float>(weight.Data, dim * features), dim);
        fixed (float* a = pixels)
        fixed (float* b = transposed)
        fixed (float* c = product) Product(a, b, c, patches, features, dim);
        float* y = (float*)context.Output(0, images, dim, grid, grid);
        for (int p = 0; p < patches; p++)
            for (int d = 0; d < dim; d++)
                y[(((p / (grid * grid) * dim) + d) * grid * grid) + (p % (grid * grid))] = Half(product[(p * dim) + d] + ((float*)bias.Data)[d]);
    }

    // Every sum in the order of k, rounded after every product, which is exact in binary32.
    private static void Product(float* a, float* b, float* y, int m, int k, int n) => Parallel.For(0, m, row => Row(a + ((long)row * k), b, y + ((long)row * n), k, n));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row(float* a, float* b, float* y, int k, int n)
    {
        int lanes = Vector<float>.Count, column = 0;
        for (; column + (2 * lanes) <= n; column += 2 * lanes)
        {
            Vector<float> first = Vector<float>.Zero, second = Vector<float>.Zero;
            float* at = b + column;
            for (int i = 0; i < k; i++, at += n)
            {
                Vector<float> factor = new(a[i]);
                first = Half((factor * Vector.Load(at)) + first);
                second = Half((factor * Vector.Load(at + lanes)) + second);
            }
            Vector.Store(first, y + column);
            Vector.Store(second, y + column + lanes);
        }
        for (; column < n; column++)
        {
            float sum = 0;
            for (int i = 0; i < k; i++) sum = Half((a[i] * b[((long)i * n) + column]) + sum);
            y[column] = sum;
        }
    }

    // As WebGPU's: e^x by 2^(x / ln 2), every step binary16.
    private static void Softmax(OrtKernelContext context)
    {
        OrtKernelInput x = context.Input(0);
        float* y = (float*)context.Output(0, x.Shape);
        int width = (int)x.Shape[^1];
        float[] powers = new float[width];
        for (long row = 0; row < x.ElementCount / width; row++)
        {
            ReadOnlySpan<float> scores = new((float*)x.Data + (row * width), width);
            float largest = System.Numerics.Tensors.TensorPrimitives.Max(scores), sum = 0;
            for (int i = 0; i < width; i++)
            {
                powers[i] = Half(MathF.Pow(2, Half(Half(scores[i] - largest) * Half(1.442695f))));
                sum = Half(sum + powers[i]);
            }
            for (int i = 0; i < width; i++) y[(row * width) + i] = Half(powers[i] / sum);
        }
    }

    // Mean and variance in binary32, what follows in binary16.
    private static void LayerNormalization(OrtKernelContext context, float epsilon)
    {
        OrtKernelInput x = context.Input(0), gain = context.Input(1), bias = context.Input(2);
        float* y = (float*)context.Output(0, x.Shape);
        int width = (int)x.Shape[^1];
        for (long row = 0; row < x.ElementCount / width; row++)
        {
            float* values = (float*)x.Data + (row * width);
            float sum = 0, squares = 0;
            for (int i = 0; i < width; i++)
            {
                sum += values[i];
                squares += values[i] * values[i];
            }
            float mean = sum / width, inverse = Half(1 / MathF.Sqrt((squares / width) - (mean * mean) + epsilon));
            for (int i = 0; i < width; i++)
                y[(row * width) + i] = Half(Half(Half(Half(values[i] - Half(mean)) * inverse) * ((float*)gain.Data)[i]) + ((float*)bias.Data)[i]);
        }
    }

    private static float Half(float value) => (float)(Half)value;

    // Rounding to a multiple of what the last bit is worth: by Veltkamp's splitting to 11 bits, and to 2^-24 below binary16's normal numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Half(Vector<float> value)
    {
        Vector<float> spread = value * 8193f, normal = spread - (spread - value), small = (value + new Vector<float>(0.75f)) - new Vector<float>(0.75f);
        Vector<float> magnitude = Vector.Abs(value), rounded = Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<float>(6.1035156e-5f)), small, normal);
        return Vector.ConditionalSelect(Vector.GreaterThanOrEqual(magnitude, new Vector<float>(65520)), value * new Vector<float>(float.PositiveInfinity), rounded);
    }

    private delegate void Body(OrtKernelContext context);

    private sealed class Kernel(Body body) : OrtKernel
    {
        public override void Compute(OrtKernelContext context) => body(context);
    }
}
