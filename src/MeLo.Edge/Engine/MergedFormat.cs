using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>One matrix to make: from the pristine weights, with or without a pair, into other memory.</summary>
internal readonly unsafe struct MergeTarget(LinearId id, int inFeatures, int outFeatures, float* pristine, byte* destination, LoraPair? pair = null, float factor = 0)
{
    public LinearId Id { get; } = id;

    public int InFeatures { get; } = inFeatures;

    public int OutFeatures { get; } = outFeatures;

    public float* Pristine { get; } = pristine;

    /// <summary>As many bytes as the format says, on a cache line.</summary>
    public byte* Destination { get; } = destination;

    public LoraPair? Pair { get; } = pair;

    public float Factor { get; } = factor;

    /// <summary>Whether the result is in the same place, of the same shape.</summary>
    public bool LiesLike(in MergeTarget other) => Destination == other.Destination && (InFeatures, OutFeatures) == (other.InFeatures, other.OutFeatures);
}

/// <summary>What merged matrices look like to the graph of one precision: how they are made, how much memory they take, which inputs they are.</summary>
internal abstract class MergedFormat
{
    // Every matrix starts on a cache line, which non-temporal stores need.
    private const int Alignment = 64;

    public static MergedFormat Of(Precision precision) => precision switch
    {
        Precision.Fp32 => new Fp32Format(),
        Precision.Fp16 => new Fp16Format(),
        Precision.Int8 => new Int8Format(),
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, null),
    };

    /// <summary>The memory of one matrix, in whole cache lines.</summary>
    public abstract long ByteLength(int inFeatures, int outFeatures);

    /// <summary>The memory that an adapter's merged matrices take.</summary>
    public long ByteLength(LoraAdapter adapter) => adapter.Pairs.Sum(p => ByteLength(p.InFeatures, p.OutFeatures));

    /// <summary>Makes every matrix.</summary>
    public abstract void Merge(ReadOnlySpan<MergeTarget> targets, int threads);

    /// <summary>What the graph's input of a linear's weights is.</summary>
    public abstract (ElementType Type, long[] Shape) Input(int inFeatures, int outFeatures);

    /// <summary>Describes one made matrix to the runtime: the graph's input of the linear's weights.</summary>
    public unsafe OrtValue Bind(in MergeTarget target)
    {
        (ElementType type, long[] shape) = Input(target.InFeatures, target.OutFeatures);
        return OrtValue.Over(target.Destination, shape[0] * shape[1] * type.Size(), type, shape);
    }

    protected static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private sealed unsafe class Fp32Format : MergedFormat
    {
        public override long ByteLength(int inFeatures, int outFeatures) => Padded((long)inFeatures * outFeatures * sizeof(float));

        public override void Merge(ReadOnlySpan<MergeTarget> targets, int threads)
        {
            LoraMergeItem[] items = new LoraMergeItem[targets.Length];
            for (int i = 0; i < items.Length; i++)
            {
                ref readonly MergeTarget target = ref targets[i];
                items[i] = new LoraMergeItem(target.Pristine, (float*)target.Destination, target.Pair!, target.Factor);
            }
            LoraMerge.Run(items, threads);
        }

        public override (ElementType Type, long[] Shape) Input(int inFeatures, int outFeatures) => (ElementType.F32, [inFeatures, outFeatures]);
    }

    /// <summary>Binary16, [in, out] as W is.</summary>
    private sealed class Fp16Format : MergedFormat
    {
        public override long ByteLength(int inFeatures, int outFeatures) => Padded((long)inFeatures * outFeatures * ElementType.F16.Size());

        public override void Merge(ReadOnlySpan<MergeTarget> targets, int threads) => HalfMerge.Run(Rounded(targets), threads);

        public override (ElementType Type, long[] Shape) Input(int inFeatures, int outFeatures) => (ElementType.F16, [inFeatures, outFeatures]);
    }

    /// <summary>Bytes as <see cref="PackedMatrix"/> lays them out.</summary>
    private sealed class Int8Format : MergedFormat
    {
        public override long ByteLength(int inFeatures, int outFeatures) => new PackedMatrix(inFeatures, outFeatures).ByteLength;

        public override void Merge(ReadOnlySpan<MergeTarget> targets, int threads) => QuantizedMerge.Run(Rounded(targets), threads);

        public override (ElementType Type, long[] Shape) Input(int inFeatures, int outFeatures)
        {
            PackedMatrix packed = new(inFeatures, outFeatures);
            return (ElementType.U8, [packed.Panels, packed.PanelBytes]);
        }
    }

    private static unsafe RoundedMergeItem[] Rounded(ReadOnlySpan<MergeTarget> targets)
    {
        RoundedMergeItem[] items = new RoundedMergeItem[targets.Length];
        for (int i = 0; i < items.Length; i++)
        {
            ref readonly MergeTarget target = ref targets[i];
            items[i] = target.Pair is { } pair
                ? new RoundedMergeItem(target.Pristine, target.Destination, pair, target.Factor)
                : new RoundedMergeItem(target.Pristine, target.InFeatures, target.OutFeatures, target.Destination);
        }
        return items;
    }
}
