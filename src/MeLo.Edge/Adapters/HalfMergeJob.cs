using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Adapters;

/// <summary>One call of <see cref="HalfMerge"/>, in blocks of rows: a few rows are merged into scratch, in the first-level cache, and rounded from there.</summary>
internal sealed unsafe class HalfMergeJob : MergeJob
{
    /// <summary>Rows of one block: large enough that packing B again for each block is lost beside the rows, small enough to share fairly.</summary>
    private const int BlockRows = 192;

    private readonly RoundedMergeItem[] _items;
    private readonly MergePath _path;

    private HalfMergeJob(RoundedMergeItem[] items, ReadOnlySpan<int> blocks, long scratchLength, MergePath path)
        : base(blocks, scratchLength)
    {
        _items = items;
        _path = path;
        foreach (ref readonly RoundedMergeItem item in items.AsSpan()) ByteLength += (long)item.InFeatures * item.OutFeatures * sizeof(float);
    }

    /// <summary>The bytes of all pristine weights together.</summary>
    public long ByteLength { get; }

    /// <summary>Cuts the items into blocks.</summary>
    public static HalfMergeJob Create(ReadOnlySpan<RoundedMergeItem> items, MergePath path)
    {
        int[] blocks = new int[items.Length];
        long scratchLength = 0;
        for (int i = 0; i < items.Length; i++)
        {
            blocks[i] = (items[i].InFeatures + BlockRows - 1) / BlockRows;
            if (items[i].Pair is { } pair) scratchLength = Math.Max(scratchLength, MergeKernel.ScratchLength(pair, MergePaths.Lanes(path)) + ((long)MergeKernel.TileRows * pair.OutFeatures));
        }
        return new HalfMergeJob(items.ToArray(), blocks, scratchLength, path);
    }

    /// <inheritdoc/>
    protected override void Merge(Place here, Place? next, bool sameItem, float* scratch)
    {
        ref readonly RoundedMergeItem matrix = ref _items[here.Item];
        int first = here.Block * BlockRows, rows = Math.Min(BlockRows, matrix.InFeatures - first);
        if (matrix.Pair is not { } pair)
        {
            Round(matrix.Pristine + ((long)first * matrix.OutFeatures), matrix, first, rows);
            return;
        }
        switch (_path)
        {
            case MergePath.Vector512: Rows<MergeLanes512, Vector512<float>>(matrix, pair, first, rows, scratch); break;
            case MergePath.Vector256: Rows<MergeLanes256, Vector256<float>>(matrix, pair, first, rows, scratch); break;
            case MergePath.Vector128: Rows<MergeLanes128, Vector128<float>>(matrix, pair, first, rows, scratch); break;
            default: Scalar(matrix, pair, first, rows); break;
        }
    }

    private static void Rows<TLanes, TVector>(in RoundedMergeItem item, LoraPair pair, int first, int rows, float* scratch)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int width = item.OutFeatures;
        float* packed = scratch;
        float* factors = packed + MergeKernel.PackedLength(pair, TLanes.Count);
        float* merged = factors + (MergeKernel.TileRows * pair.Rank);
        MergeKernel.PackPanels(pair, 0, width, MergeKernel.TileVectors * TLanes.Count, packed);
        for (int i = first; i < first + rows; i += MergeKernel.TileRows)
        {
            int count = Math.Min(MergeKernel.TileRows, first + rows - i);
            MergeKernel.PackFactors(pair, item.Factor, i, count, factors);
            MergeKernel.Columns<TLanes, TVector>(item.Pristine + ((long)i * width), width, merged, width, width, count, pair.Rank, packed, factors);
            Round(merged, item, i, count);
        }
    }

    // What the vector paths must reproduce bit for bit.
    private static void Scalar(in RoundedMergeItem item, LoraPair pair, int first, int rows)
    {
        for (int i = first; i < first + rows; i++)
        {
            for (int o = 0; o < item.OutFeatures; o++)
            {
                long at = ((long)i * item.OutFeatures) + o;
                ((Half*)item.Destination)[at] = (Half)(item.Pristine[at] + MergeScalar.Sum(pair, item.Factor, i, o));
            }
        }
    }

    private static void Round(float* from, in RoundedMergeItem item, int row, int rows)
    {
        int count = rows * item.OutFeatures;
        Half* to = (Half*)item.Destination + ((long)row * item.OutFeatures);
        TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(from, count), new Span<Half>(to, count));
    }
}
