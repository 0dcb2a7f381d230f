using System.Collections.Concurrent;
using MeLo.Edge.Kernels;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The operators of the int8 graph (<see cref="ByteGraph"/>) as ONNX Runtime's sessions call them: shapes are checked, outputs made, and a kernel's
/// tasks handed to the session's threads.
/// </summary>
internal static unsafe class ByteOperators
{
    /// <summary>Rows made bytes in one task.</summary>
    private const int TaskRows = 16;

    private static readonly ConcurrentDictionary<int, Lazy<OrtOperatorDomain>> s_domains = new();

    /// <summary>The operators' domain for sessions of so many threads, by which kernels divide their work; made when first asked for.</summary>
    public static OrtOperatorDomain For(int threads) => s_domains.GetOrAdd(threads, static threads => new Lazy<OrtOperatorDomain>(() => Make(threads))).Value;

    private static OrtOperatorDomain Make(int threads) => new(
        ByteGraph.Domain,
        new OrtOperator(ByteGraph.Normalize, [ElementType.F32, ElementType.F32, ElementType.F32], 3, [ElementType.U8, ElementType.F32], info => new NormalizeKernel(info.Single(ByteGraph.Epsilon), Rotated(info))),
        new OrtOperator(ByteGraph.Quantize, [ElementType.F32], 1, [ElementType.U8, ElementType.F32], _ => new QuantizeKernel()),
        new OrtOperator(ByteGraph.Linear, [ElementType.U8, ElementType.F32, ElementType.U8, ElementType.F32, ElementType.F32], 3, [ElementType.F32], info => new LinearKernel(Shape(info), threads)),
        new OrtOperator(ByteGraph.LinearGelu, [ElementType.U8, ElementType.F32, ElementType.U8, ElementType.F32], 3, [ElementType.U8, ElementType.F32], info => new LinearGeluKernel(Shape(info), Rotated(info), threads)),
        new OrtOperator(ByteGraph.Attention, [ElementType.F32, ElementType.F32, ElementType.F32], 3, [ElementType.F32], info => new AttentionKernel(Heads(info), threads)));

    private static PackedMatrix Shape(OrtKernelInfo info)
    {
        long input = info.Integer(ByteGraph.InFeatures), output = info.Integer(ByteGraph.OutFeatures);
        return input is > 0 and <= VitArchitecture.MaxPatchFeatures && output is > 0 and <= VitArchitecture.MaxDim
            ? new PackedMatrix((int)input, (int)output)
            : throw new ArgumentException($"found a matrix of [{input},{output}], expected at least 1 of each and at most [{VitArchitecture.MaxPatchFeatures},{VitArchitecture.MaxDim}]");
    }

    private static bool Rotated(OrtKernelInfo info)
    {
        try
        {
            return info.Integer(ByteGraph.Rotated) switch
            {
                0 => false,
                1 => true,
                long other => throw new ArgumentException($"found {other} for {ByteGraph.Rotated}, expected 0 or 1"),
            };
        }
        catch (OrtException e)
        {
            throw new ArgumentException($"found an operator without '{ByteGraph.Rotated}', as other versions of adapter-packer wrote it, expected one of this version: import the base again", e);
        }
    }

    private static int Heads(OrtKernelInfo info)
    {
        long heads = info.Integer(ByteGraph.Heads);
        return heads is > 0 and <= VitArchitecture.MaxDim ? (int)heads : throw new ArgumentException($"found {heads} heads, expected 1 to {VitArchitecture.MaxDim}");
    }

    /// <summary>An input [b, t, features] of binary32.</summary>
    private readonly ref struct FloatInput
    {
        public FloatInput(OrtKernelInput input, string name)
        {
            ReadOnlySpan<long> shape = input.Shape;
            if (shape.Length != 3) throw new ArgumentException($"found {name} of {shape.Length} dimensions, expected 3");
            Data = (float*)input.Data;
            (Images, Tokens, Features) = (shape[0], shape[1], checked((int)shape[2]));
        }

        public float* Data { get; }

        public long Images { get; }

        public long Tokens { get; }

        public int Features { get; }
    }

    /// <summary>Makes the outputs that bytes are: [b, t, row bytes] and ranges [2, groups, b, t].</summary>
    private static ByteRows Bytes(OrtKernelContext context, long images, long tokens, int features)
    {
        byte* bytes = (byte*)context.Output(0, images, tokens, PackedMatrix.RowBytes(features));
        float* ranges = (float*)context.Output(1, 2, PackedMatrix.GroupsOf(features), images, tokens);
        return ByteRows.Of(bytes, ranges, checked((int)(images * tokens)), features);
    }

    private static void Expect(long found, long expected, string what)
    {
        if (found != expected) throw new ArgumentException($"found {found} elements of {what}, expected {expected}");
    }

    /// <summary>A kernel that divides its work by the session's threads.</summary>
    internal abstract class DividingKernel(int threads) : OrtKernel
    {
        public int Threads => threads;
    }

    /// <summary>Layer normalisation and quantisation of rows.</summary>
    private sealed class NormalizeKernel(float epsilon, bool rotated) : OrtKernel
    {
        public override void Compute(OrtKernelContext context)
        {
            FloatInput x = new(context.Input(0), "x");
            OrtKernelInput gain = context.Input(1), bias = context.Input(2);
            Expect(gain.ElementCount, x.Features, "gain");
            Expect(bias.ElementCount, x.Features, "bias");
            RowsState state = new(x.Data, (float*)gain.Data, (float*)bias.Data, epsilon, rotated, Bytes(context, x.Images, x.Tokens, x.Features));
            context.ParallelFor(state.Tasks, &RowsState.Run, &state);
        }
    }

    /// <summary>Quantisation of rows.</summary>
    private sealed class QuantizeKernel : OrtKernel
    {
        public override void Compute(OrtKernelContext context)
        {
            FloatInput x = new(context.Input(0), "x");
            RowsState state = new(x.Data, null, null, 0, false, Bytes(context, x.Images, x.Tokens, x.Features));
            context.ParallelFor(state.Tasks, &RowsState.Run, &state);
        }
    }

    private readonly struct RowsState(float* x, float* gain, float* bias, float epsilon, bool rotated, ByteRows rows)
    {
        private readonly float* _x = x, _gain = gain, _bias = bias;

        public int Tasks => (rows.Rows + TaskRows - 1) / TaskRows;

        public static void Run(void* state, int task) => ((RowsState*)state)->Run(task);

        private void Run(int task)
        {
            float* scratch = _gain == null ? null : KernelScratch.Floats(rows.Features);
            for (int row = task * TaskRows; row < Math.Min(rows.Rows, (task + 1) * TaskRows); row++)
            {
                float* values = _x + ((long)row * rows.Features);
                if (_gain == null) RowQuantizer.Row(values, rows, row);
                else RowQuantizer.NormalizedRow(values, _gain, _bias, epsilon, rotated, scratch, rows, row);
            }
        }
    }

    /// <summary>What both linears read: activations as bytes, the matrix, the bias.</summary>
    private readonly ref struct LinearInputs
    {
        public LinearInputs(OrtKernelContext context, PackedMatrix shape)
        {
            OrtKernelInput bytes = context.Input(0), ranges = context.Input(1), matrix = context.Input(2), bias = context.Input(3);
            ReadOnlySpan<long> dimensions = bytes.Shape;
            if (dimensions.Length != 3) throw new ArgumentException($"found bytes of {dimensions.Length} dimensions, expected 3");
            (Images, Tokens) = (dimensions[0], dimensions[1]);
            int rows = checked((int)(Images * Tokens));
            Expect(dimensions[2], PackedMatrix.RowBytes(shape.InFeatures), "a row of bytes");
            Expect(ranges.ElementCount, ByteRows.RangesLength(rows, shape.InFeatures), "ranges");
            Expect(matrix.ElementCount, shape.ByteLength, "the matrix");
            if (bias.IsPresent) Expect(bias.ElementCount, shape.OutFeatures, "bias");
            X = ByteRows.Of((byte*)bytes.Data, (float*)ranges.Data, rows, shape.InFeatures);
            Matrix = (byte*)matrix.Data;
            Bias = bias.IsPresent ? (float*)bias.Data : null;
        }

        public long Images { get; }

        public long Tokens { get; }

        public ByteRows X { get; }

        public byte* Matrix { get; }

        public float* Bias { get; }
    }

    private static void RunLinear(void* linear, int task) => ((ByteLinear*)linear)->Task(task);

    private sealed class LinearKernel(PackedMatrix shape, int threads) : DividingKernel(threads)
    {
        public override void Compute(OrtKernelContext context)
        {
            LinearInputs inputs = new(context, shape);
            OrtKernelInput residual = context.Input(4);
            long elements = inputs.Images * inputs.Tokens * shape.OutFeatures;
            if (residual.IsPresent) Expect(residual.ElementCount, elements, "residual");
            float* result = (float*)context.Output(0, inputs.Images, inputs.Tokens, shape.OutFeatures);
            ByteLinear linear = ByteLinear.Floats(
                inputs.X, inputs.Matrix, shape.OutFeatures, inputs.Bias, residual.IsPresent ? (float*)residual.Data : null, result, Threads, ByteTilePaths.Best);
            context.ParallelFor(linear.Tasks, &RunLinear, &linear);
        }
    }

    private sealed class LinearGeluKernel(PackedMatrix shape, bool rotated, int threads) : DividingKernel(threads)
    {
        public override void Compute(OrtKernelContext context)
        {
            LinearInputs inputs = new(context, shape);
            ByteRows result = Bytes(context, inputs.Images, inputs.Tokens, shape.OutFeatures);
            ByteLinear linear = ByteLinear.GeluBytes(inputs.X, inputs.Matrix, inputs.Bias, result, rotated, Threads, ByteTilePaths.Best);
            context.ParallelFor(linear.Tasks, &RunLinear, &linear);
        }
    }

    private sealed class AttentionKernel(int heads, int threads) : DividingKernel(threads)
    {
        public override void Compute(OrtKernelContext context)
        {
            FloatInput q = new(context.Input(0), "q"), k = new(context.Input(1), "k"), v = new(context.Input(2), "v");
            if (k.Images != q.Images || k.Features != q.Features || v.Images != k.Images || v.Tokens != k.Tokens || v.Features != k.Features)
                throw new ArgumentException($"found q [{q.Images},{q.Tokens},{q.Features}], k [{k.Images},{k.Tokens},{k.Features}] and v [{v.Images},{v.Tokens},{v.Features}], expected as many images and features, and k like v");
            if (q.Features % heads != 0) throw new ArgumentException($"found {heads} heads, expected a number that divides {q.Features}");
            float* output = (float*)context.Output(0, q.Images, q.Tokens, q.Features);
            Attention attention = new(q.Data, k.Data, v.Data, output, checked((int)q.Images), checked((int)q.Tokens), checked((int)k.Tokens), heads, q.Features / heads);
            if (Bfloat16Attention.Takes(attention.HeadWidth))
            {
                Bfloat16Attention rounded = new(attention, Threads);
                context.ParallelFor(rounded.TaskCount, &RunRounded, &rounded);
            }
            else context.ParallelFor(attention.TaskCount, &RunAttention, &attention);
        }

        private static void RunAttention(void* attention, int task) => ((Attention*)attention)->Run(task);

        private static void RunRounded(void* attention, int task) => ((Bfloat16Attention*)attention)->Run(task);
    }
}
