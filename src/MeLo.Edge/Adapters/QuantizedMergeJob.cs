using System.Runtime.Intrinsics;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>One call of <see cref="QuantizedMerge"/>, panel by panel.</summary>
internal sealed unsafe class QuantizedMergeJob : MergeJob
{
    private readonly RoundedMergeItem[] _items;
    private readonly bool _stream;
    private readonly MergePath _path;

    private QuantizedMergeJob(RoundedMergeItem[] items, ReadOnlySpan<int> blocks, long scratchLength, MergePath path)
        : base(blocks, scratchLength)
    {
        _items = items;
        _path = path;
        foreach (ref readonly RoundedMergeItem item in items.AsSpan()) ByteLength += (long)item.InFeatures * item.OutFeatures * sizeof(float);
        _stream = ByteLength / sizeof(float) >= StreamingThreshold;
    }

    /// <summary>The bytes of all pristine weights together.</summary>
    public long ByteLength { get; }

    /// <summary>Cuts the items into panels.</summary>
    public static QuantizedMergeJob Create(ReadOnlySpan<RoundedMergeItem> items, MergePath path)
    {
        int[] blocks = new int[items.Length];
        long scratchLength = 0;
        for (int i = 0; i < items.Length; i++)
        {
            blocks[i] = items[i].Packed.Panels;
            scratchLength = Math.Max(scratchLength, QuantizedMergeKernel.ScratchLength(items[i]));
        }
        return new QuantizedMergeJob(items.ToArray(), blocks, scratchLength, path);
    }

    /// <inheritdoc/>
    protected override void Merge(Place here, Place? next, bool sameItem, float* scratch)
    {
        ref readonly RoundedMergeItem matrix = ref _items[here.Item];
        QuantizedMergeKernel.Ahead ahead = default;
        if (next is { } after)
        {
            ref readonly RoundedMergeItem read = ref _items[after.Item];
            ahead = new QuantizedMergeKernel.Ahead(read.Pristine + (after.Block * PackedMatrix.PanelColumns), read.OutFeatures);
        }
        switch (_path)
        {
            case MergePath.Vector512: QuantizedMergeKernel.Panel<MergeLanes512, Vector512<float>>(matrix, here.Block, ahead, sameItem, scratch, _stream); break;
            case MergePath.Vector256: QuantizedMergeKernel.Panel<MergeLanes256, Vector256<float>>(matrix, here.Block, ahead, sameItem, scratch, _stream); break;
            case MergePath.Vector128: QuantizedMergeKernel.Panel<MergeLanes128, Vector128<float>>(matrix, here.Block, ahead, sameItem, scratch, _stream); break;
            default: QuantizedMergeScalar.Panel(matrix, here.Block); break;
        }
    }
}
