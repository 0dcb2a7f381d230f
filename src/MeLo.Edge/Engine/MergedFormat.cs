using MeLo.Edge.Adapters;
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
}

/// <summary>What merged matrices look like to the graph of one precision: how they are made, how much memory they take, which inputs they are.</summary>
internal abstract class MergedFormat
{
    // Every matrix starts on a cache line, which non-temporal stores need.
    private const int Alignment = 64;

    public static MergedFormat Of(Precision precision) => precision switch
    {
        Precision.Fp32 => new Fp32Format(),
        Precision.Int8 => new Int8Format(),
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, null),
    };

    /// <summary>The memory of one matrix, in whole cache lines.</summary>
    public abstract long ByteLength(int inFeatures, int outFeatures);

    /// <summary>The memory that an adapter's merged matrices take.</summary>
    public long ByteLength(LoraAdapter adapter) => adapter.Pairs.Sum(p => ByteLength(p.InFeatures, p.OutFeatures));

    /// <summary>Makes every matrix.</summary>
    public abstract void Merge(ReadOnlySpan<MergeTarget> targets, int threads);

    /// <summary>The names of the graph's inputs for one linear.</summary>
    public abstract IEnumerable<string> Inputs(LinearId id);

    /// <summary>Describes one made matrix to the runtime, by the names of the graph's inputs.</summary>
    public abstract IReadOnlyList<(string Input, OrtValue Value)> Bind(in MergeTarget target);

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

        public override IEnumerable<string> Inputs(LinearId id) => [CanonicalWeights.LinearWeight(id)];

        public override IReadOnlyList<(string Input, OrtValue Value)> Bind(in MergeTarget target)
        {
            long bytes = (long)target.InFeatures * target.OutFeatures * sizeof(float);
            return [(CanonicalWeights.LinearWeight(target.Id), OrtValue.Over(target.Destination, bytes, ElementType.F32, [target.InFeatures, target.OutFeatures]))];
        }
    }

    /// <summary>[in,out] signed bytes, then [out] scales.</summary>
    private sealed unsafe class Int8Format : MergedFormat
    {
        public override long ByteLength(int inFeatures, int outFeatures) => Padded((long)inFeatures * outFeatures) + Padded((long)outFeatures * sizeof(float));

        public override void Merge(ReadOnlySpan<MergeTarget> targets, int threads)
        {
            QuantizedMergeItem[] items = new QuantizedMergeItem[targets.Length];
            for (int i = 0; i < items.Length; i++)
            {
                ref readonly MergeTarget target = ref targets[i];
                sbyte* weights = (sbyte*)target.Destination;
                items[i] = target.Pair is { } pair
                    ? new QuantizedMergeItem(target.Pristine, weights, Scales(target), pair, target.Factor)
                    : new QuantizedMergeItem(target.Pristine, target.InFeatures, target.OutFeatures, weights, Scales(target));
            }
            QuantizedMerge.Run(items, threads);
        }

        public override IEnumerable<string> Inputs(LinearId id) => [CanonicalWeights.LinearWeight(id), QuantizedBase.Scale(id)];

        public override IReadOnlyList<(string Input, OrtValue Value)> Bind(in MergeTarget target)
        {
            long count = (long)target.InFeatures * target.OutFeatures;
            OrtValue weight = OrtValue.Over(target.Destination, count, ElementType.I8, [target.InFeatures, target.OutFeatures]);
            OrtValue scale = OrtValue.Over(Scales(target), target.OutFeatures * sizeof(float), ElementType.F32, [target.OutFeatures]);
            return [(CanonicalWeights.LinearWeight(target.Id), weight), (QuantizedBase.Scale(target.Id), scale)];
        }

        private static float* Scales(in MergeTarget target) => (float*)(target.Destination + Padded((long)target.InFeatures * target.OutFeatures));
    }
}
