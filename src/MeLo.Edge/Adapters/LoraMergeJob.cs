using System.Runtime.Intrinsics;

namespace MeLo.Edge.Adapters;

/// <summary>One call of <see cref="LoraMerge"/>, in blocks of rows.</summary>
internal sealed unsafe class LoraMergeJob : MergeJob
{
    /// <summary>Rows of one block: large enough that packing B again for each block is lost beside the rows, small enough to share fairly.</summary>
    private const int BlockRows = 192;

    private readonly LoraMergeItem[] _items;
    private readonly bool _stream;
    private readonly MergePath _path;

    private LoraMergeJob(LoraMergeItem[] items, ReadOnlySpan<int> blocks, long scratchLength, MergePath path)
        : base(blocks, scratchLength)
    {
        _items = items;
        _path = path;
        foreach (ref readonly LoraMergeItem item in items.AsSpan()) ByteLength += (long)item.Pair.InFeatures * item.Pair.OutFeatures * sizeof(float);
        _stream = ByteLength >= StreamingThreshold;
    }

    /// <summary>The bytes of all destinations together.</summary>
    public long ByteLength { get; }

    /// <summary>Cuts the items into blocks.</summary>
    public static LoraMergeJob Create(ReadOnlySpan<LoraMergeItem> items, MergePath path)
    {
        int[] blocks = new int[items.Length];
        long scratchLength = 0;
        for (int i = 0; i < items.Length; i++)
        {
            LoraPair pair = items[i].Pair;
            blocks[i] = (pair.InFeatures + BlockRows - 1) / BlockRows;
            scratchLength = Math.Max(scratchLength, MergeKernel.ScratchLength(pair, MergePaths.Lanes(path)));
        }
        return new LoraMergeJob(items.ToArray(), blocks, scratchLength, path);
    }

    /// <inheritdoc/>
    protected override void Merge(Place here, Place? next, bool sameItem, float* scratch)
    {
        ref readonly LoraMergeItem matrix = ref _items[here.Item];
        int first = here.Block * BlockRows;
        int rows = Math.Min(BlockRows, matrix.Pair.InFeatures - first);
        switch (_path)
        {
            case MergePath.Vector512: MergeKernel.Rows<MergeLanes512, Vector512<float>>(matrix, first, rows, scratch, _stream); break;
            case MergePath.Vector256: MergeKernel.Rows<MergeLanes256, Vector256<float>>(matrix, first, rows, scratch, _stream); break;
            case MergePath.Vector128: MergeKernel.Rows<MergeLanes128, Vector128<float>>(matrix, first, rows, scratch, _stream); break;
            default: MergeScalar.Rows(matrix, first, rows); break;
        }
    }
}
