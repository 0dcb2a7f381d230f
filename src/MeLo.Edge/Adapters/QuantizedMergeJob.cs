using System.Runtime.Intrinsics;

namespace MeLo.Edge.Adapters;

/// <summary>One call of <see cref="QuantizedMerge"/>, in panels of whole columns.</summary>
internal sealed unsafe class QuantizedMergeJob : MergeJob
{
    private readonly QuantizedMergeItem[] _items;
    private readonly bool _stream;
    private readonly MergePath _path;

    private QuantizedMergeJob(QuantizedMergeItem[] items, ReadOnlySpan<int> blocks, long scratchLength, MergePath path)
        : base(blocks, scratchLength)
    {
        _items = items;
        _path = path;
        foreach (ref readonly QuantizedMergeItem item in items.AsSpan()) ByteLength += (long)item.InFeatures * item.OutFeatures * sizeof(float);
        _stream = ByteLength / sizeof(float) >= StreamingThreshold;
    }

    /// <summary>The bytes of all pristine weights together.</summary>
    public long ByteLength { get; }

    /// <summary>Cuts the items into panels.</summary>
    public static QuantizedMergeJob Create(ReadOnlySpan<QuantizedMergeItem> items, MergePath path)
    {
        int[] blocks = new int[items.Length];
        long scratchLength = 0;
        for (int i = 0; i < items.Length; i++)
        {
            blocks[i] = (items[i].Shape.Panels + QuantizedMergeKernel.MostPanels - 1) / QuantizedMergeKernel.MostPanels;
            scratchLength = Math.Max(scratchLength, QuantizedMergeKernel.ScratchLength(items[i]));
        }
        return new QuantizedMergeJob(items.ToArray(), blocks, scratchLength, path);
    }

    /// <inheritdoc/>
    protected override void Merge(int item, int block, float* scratch)
    {
        ref readonly QuantizedMergeItem matrix = ref _items[item];
        int first = block * QuantizedMergeKernel.MostPanels;
        int count = Math.Min(QuantizedMergeKernel.MostPanels, matrix.Shape.Panels - first);
        switch (_path)
        {
            case MergePath.Vector512: QuantizedMergeKernel.Panels<MergeLanes512, Vector512<float>>(matrix, first, count, scratch, _stream); break;
            case MergePath.Vector256: QuantizedMergeKernel.Panels<MergeLanes256, Vector256<float>>(matrix, first, count, scratch, _stream); break;
            case MergePath.Vector128: QuantizedMergeKernel.Panels<MergeLanes128, Vector128<float>>(matrix, first, count, scratch, _stream); break;
            default: QuantizedMergeScalar.Panels(matrix, first, count); break;
        }
    }
}
