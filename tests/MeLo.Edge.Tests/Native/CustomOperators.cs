using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Native;

/// <summary>The operators that <see cref="CustomOperatorTests"/> runs, and graphs of one node each.</summary>
internal static unsafe class CustomOperators
{
    public const string DomainName = "melo.test";

    private const ElementType F32 = ElementType.F32;

    private static int s_counted;

    public static OrtOperatorDomain Domain { get; } = new(
        DomainName,
        new OrtOperator("Affine", [F32, F32], 1, [F32], info => new Affine(info.Single("scale"), info.Integer("offset"))),
        new OrtOperator("Split", [F32], 1, [F32, ElementType.U8], _ => new Split()),
        new OrtOperator("Squares", [F32], 1, [F32], _ => new Squares()),
        new OrtOperator("Counted", [F32], 1, [F32], _ => new Counted()),
        new OrtOperator("Unmakeable", [F32], 1, [F32], info => throw new InvalidOperationException($"size {info.Integer("size")} — not ours")));

    /// <summary>Kernels of <c>Counted</c> made and not yet disposed.</summary>
    public static int CountedAlive => Volatile.Read(ref s_counted);

    public static OrtSession Session(string op, int threads = 1, int inputs = 1, params ReadOnlySpan<NodeAttribute> attributes)
    {
        GraphBuilder graph = Graph();
        GraphValue[] values = [.. Enumerable.Range(0, inputs).Select(i => graph.Input($"x{i}", F32, "rows", "columns"))];
        graph.Output(graph.Node(op, values, F32, ["m", "n"], attributes, "y", DomainName));
        return Create(graph, threads);
    }

    public static OrtSession SplitSession()
    {
        GraphBuilder graph = Graph();
        GraphNode split = graph.Node("Split", [graph.Input("x", F32, "rows", "columns")], [(F32, ["rows"]), (ElementType.U8, ["columns", "one", "rows"])], [], "y", DomainName);
        foreach (GraphValue output in split.Outputs) graph.Output(output);
        return Create(graph, threads: 1);
    }

    public static OrtSession RankFiveSession()
    {
        GraphBuilder graph = Graph();
        graph.Output(graph.Node("Counted", [graph.Input("x", F32, 1, 1, 1, 1, 1)], F32, ["m", "n"], [], "y", DomainName));
        return Create(graph, threads: 1);
    }

    public static float[] Run(OrtSession session, params ReadOnlySpan<float[]> rows)
    {
        OrtValue[] inputs = new OrtValue[rows.Length];
        for (int i = 0; i < rows.Length; i++) inputs[i] = OrtValue.FromArray(rows[i], [1, rows[i].Length]);
        try
        {
            using OrtValue output = session.Run(inputs)[0];
            return output.AsSpan<float>().ToArray();
        }
        finally
        {
            foreach (OrtValue input in inputs) input.Dispose();
        }
    }

    private static GraphBuilder Graph()
    {
        GraphBuilder graph = new("custom");
        graph.UseOperatorSet(DomainName, 1);
        return graph;
    }

    private static OrtSession Create(GraphBuilder graph, int threads)
    {
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(threads).WithOperators(Domain);
        return OrtSession.Create(OnnxWriter.ToBytes(graph), options);
    }

    /// <summary>x · scale + offset, and + the second input where it is given.</summary>
    private sealed class Affine(float scale, long offset) : OrtKernel
    {
        public override void Compute(OrtKernelContext context)
        {
            OrtKernelInput x = context.Input(0);
            OrtKernelInput addend = context.Input(1);
            float* y = (float*)context.Output(0, x.Shape);
            for (int i = 0; i < x.ElementCount; i++)
                y[i] = ((float*)x.Data)[i] * scale + offset + (addend.IsPresent ? ((float*)addend.Data)[i] : 0);
        }
    }

    /// <summary>The sums of the rows, and the signs, transposed.</summary>
    private sealed class Split : OrtKernel
    {
        public override void Compute(OrtKernelContext context)
        {
            OrtKernelInput x = context.Input(0);
            int rows = (int)x.Shape[0], columns = (int)x.Shape[1];
            float* sums = (float*)context.Output(0, rows);
            byte* positive = (byte*)context.Output(1, columns, 1, rows);
            for (int r = 0; r < rows; r++)
            {
                sums[r] = 0;
                for (int c = 0; c < columns; c++)
                {
                    float value = ((float*)x.Data)[r * columns + c];
                    sums[r] += value;
                    positive[c * rows + r] = value > 0 ? (byte)1 : (byte)0;
                }
            }
        }
    }

    /// <summary>x², one item an element; an element that is no number fails its item.</summary>
    private sealed class Squares : OrtKernel
    {
        public override void Compute(OrtKernelContext context)
        {
            OrtKernelInput x = context.Input(0);
            Operands operands = new() { X = (float*)x.Data, Y = (float*)context.Output(0, x.Shape) };
            context.ParallelFor((int)x.ElementCount, &Square, &operands);
        }

        private static void Square(void* state, int item)
        {
            Operands* operands = (Operands*)state;
            float value = operands->X[item];
            if (float.IsNaN(value)) throw new InvalidOperationException("a value is no number");
            operands->Y[item] = value * value;
        }

        private struct Operands
        {
            public float* X, Y;
        }
    }

    /// <summary>y = x; fails on a first element below zero.</summary>
    private sealed class Counted : OrtKernel, IDisposable
    {
        public Counted() => Interlocked.Increment(ref s_counted);

        public void Dispose() => Interlocked.Decrement(ref s_counted);

        public override void Compute(OrtKernelContext context)
        {
            OrtKernelInput x = context.Input(0);
            if (((float*)x.Data)[0] < 0) throw new InvalidOperationException($"found {((float*)x.Data)[0]}, expected no negative value");
            new ReadOnlySpan<float>(x.Data, (int)x.ElementCount).CopyTo(new Span<float>(context.Output(0, x.Shape), (int)x.ElementCount));
        }
    }
}
