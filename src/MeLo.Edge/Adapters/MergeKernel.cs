using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Adapters;

/// <summary>
/// The fused merge of a block of rows: tiles of four rows by two vectors, the low-rank sum in registers, W read once and W' written
/// once. The memory's speed bounds it, so the layout serves that: B lies transposed in panels as wide as a tile, in the order in
/// which they are read, and stays in the cache from row to row.
/// </summary>
internal static unsafe class MergeKernel
{
    /// <summary>Rows of one tile. Four share each load of B.</summary>
    public const int TileRows = 4;

    /// <summary>Vectors of one tile's row: eight sums, four factors and two vectors of B fit into AVX2's sixteen registers.</summary>
    public const int TileVectors = 2;

    /// <summary>How many floats of scratch a block needs: B in panels, and the scaled factors of one tile.</summary>
    public static long ScratchLength(LoraPair pair, int lanes) => PackedLength(pair, lanes) + (TileRows * pair.Rank);

    /// <summary>How many floats B takes in panels.</summary>
    public static long PackedLength(LoraPair pair, int lanes)
    {
        int panel = TileVectors * lanes;
        return ((long)pair.OutFeatures + panel - 1) / panel * panel * pair.Rank;
    }

    /// <summary>Merges rows [first, first + rows).</summary>
    /// <param name="item">The matrix.</param>
    /// <param name="first">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="scratch">Memory of <see cref="ScratchLength"/>, 64-byte aligned.</param>
    /// <param name="stream">Store past the caches where the rows are aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows<TLanes, TVector>(in LoraMergeItem item, int first, int rows, float* scratch, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int panel = TileVectors * TLanes.Count;
        LoraPair pair = item.Pair;
        int rank = pair.Rank, width = pair.OutFeatures;
        float* panels = scratch;
        float* factors = panels + PackedLength(pair, TLanes.Count);
        PackPanels(pair, 0, width, panel, panels);
        int vectorBytes = TLanes.Count * sizeof(float);
        bool aligned = (nint)item.Destination % vectorBytes == 0 && (long)width * sizeof(float) % vectorBytes == 0;
        int end = first + rows;
        for (int i = first; i < end; i += TileRows)
        {
            int count = Math.Min(TileRows, end - i);
            PackFactors(pair, item.Scale, i, count, factors);
            float* w = item.Pristine + ((long)i * width);
            float* destination = item.Destination + ((long)i * width);
            if (count < TileRows) Edge(w, width, destination, width, 0, width, count, rank, panel, panels, factors);
            else if (stream && aligned) Tile<TLanes, TVector, Streaming>(w, width, destination, width, width, rank, panels, factors);
            else Tile<TLanes, TVector, Cached>(w, width, destination, width, width, rank, panels, factors);
        }
        // Streaming stores are weakly ordered: they must be visible before anyone is told that the block is done.
        if (Sse.IsSupported) Sse.StoreFence();
    }

    /// <summary>Merges <paramref name="count"/> rows, at most <see cref="TileRows"/>, of some columns into memory that stays in the caches.</summary>
    /// <param name="w">The first row's first column.</param>
    /// <param name="pitch">Floats from one row of W to the next.</param>
    /// <param name="destination">Where the first value goes.</param>
    /// <param name="destinationPitch">Floats from one row of the destination to the next.</param>
    /// <param name="width">The number of columns.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="rank">The rank; 0 copies W.</param>
    /// <param name="panels">B's rows for these columns, from <see cref="PackPanels"/>.</param>
    /// <param name="factors">The rows' factors, from <see cref="PackFactors"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Columns<TLanes, TVector>(float* w, int pitch, float* destination, int destinationPitch, int width, int count, int rank, float* panels, float* factors)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        if (count < TileRows) Edge(w, pitch, destination, destinationPitch, 0, width, count, rank, TileVectors * TLanes.Count, panels, factors);
        else Tile<TLanes, TVector, Cached>(w, pitch, destination, destinationPitch, width, rank, panels, factors);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TLanes, TVector, TStore>(float* w, long pitch, float* destination, long destinationPitch, int width, int rank, float* panels, float* factors)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
        where TStore : struct, IStore
    {
        int lanes = TLanes.Count;
        int panel = TileVectors * lanes;
        int full = width - (width % panel);
        for (int o = 0; o < full; o += panel)
        {
            TVector s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
            float* b = panels + ((long)o * rank);
            float* f = factors;
            for (int k = 0; k < rank; k++)
            {
                TVector b0 = TLanes.Load(b), b1 = TLanes.Load(b + lanes);
                TVector factor = TLanes.Broadcast(f[0]);
                s00 = TLanes.MultiplyAdd(factor, b0, s00);
                s01 = TLanes.MultiplyAdd(factor, b1, s01);
                factor = TLanes.Broadcast(f[1]);
                s10 = TLanes.MultiplyAdd(factor, b0, s10);
                s11 = TLanes.MultiplyAdd(factor, b1, s11);
                factor = TLanes.Broadcast(f[2]);
                s20 = TLanes.MultiplyAdd(factor, b0, s20);
                s21 = TLanes.MultiplyAdd(factor, b1, s21);
                factor = TLanes.Broadcast(f[3]);
                s30 = TLanes.MultiplyAdd(factor, b0, s30);
                s31 = TLanes.MultiplyAdd(factor, b1, s31);
                b += panel;
                f += TileRows;
            }
            Finish<TLanes, TVector, TStore>(w + o, destination + o, s00, s01);
            Finish<TLanes, TVector, TStore>(w + o + pitch, destination + o + destinationPitch, s10, s11);
            Finish<TLanes, TVector, TStore>(w + o + (2 * pitch), destination + o + (2 * destinationPitch), s20, s21);
            Finish<TLanes, TVector, TStore>(w + o + (3 * pitch), destination + o + (3 * destinationPitch), s30, s31);
        }
        if (full < width) Edge(w, pitch, destination, destinationPitch, full, width, TileRows, rank, panel, panels, factors);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TLanes, TVector, TStore>(float* w, float* destination, TVector sum0, TVector sum1)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
        where TStore : struct, IStore
    {
        TVector value0 = TLanes.Add(TLanes.Load(w), sum0);
        TVector value1 = TLanes.Add(TLanes.Load(w + TLanes.Count), sum1);
        if (TStore.PastCaches)
        {
            TLanes.Stream(value0, destination);
            TLanes.Stream(value1, destination + TLanes.Count);
        }
        else
        {
            TLanes.Store(value0, destination);
            TLanes.Store(value1, destination + TLanes.Count);
        }
    }

    // The columns that do not fill a tile, and the last rows that do not: the same sums in the same order, one by one.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Edge(float* w, long pitch, float* destination, long destinationPitch, int from, int width, int rows, int rank, int panel, float* panels, float* factors)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int o = from; o < width; o++)
            {
                float* b = panels + ((long)(o - (o % panel)) * rank) + (o % panel);
                float sum = 0;
                for (int k = 0; k < rank; k++) sum = MergeScalar.MultiplyAdd(factors[(k * TileRows) + row], b[(long)k * panel], sum);
                destination[(row * destinationPitch) + o] = w[(row * pitch) + o] + sum;
            }
        }
    }

    /// <summary>Lays out B's rows [first, first + width) as [width / panel][rank][panel], the last panel filled up with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPanels(LoraPair pair, int first, int width, int panel, float* panels)
    {
        int rank = pair.Rank;
        fixed (float* b = pair.B)
        {
            for (int o = 0; o < width; o += panel)
            {
                float* target = panels + ((long)o * rank);
                int columns = Math.Min(panel, width - o);
                for (int k = 0; k < rank; k++)
                {
                    float* source = b + ((long)(first + o) * rank) + k;
                    for (int c = 0; c < columns; c++) target[c] = source[(long)c * rank];
                    for (int c = columns; c < panel; c++) target[c] = 0;
                    target += panel;
                }
            }
        }
    }

    /// <summary>Writes s·A of <paramref name="count"/> rows of W as [rank][TileRows], missing rows zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackFactors(LoraPair pair, float scale, int first, int count, float* factors)
    {
        fixed (float* a = pair.A)
        {
            for (int k = 0; k < pair.Rank; k++)
            {
                float* source = a + ((long)k * pair.InFeatures) + first;
                float* target = factors + ((long)k * TileRows);
                if (count == TileRows) (Vector128.Load(source) * scale).Store(target);
                else for (int row = 0; row < TileRows; row++) target[row] = row < count ? scale * source[row] : 0;
            }
        }
    }

    private interface IStore
    {
        static abstract bool PastCaches { get; }
    }

    private readonly struct Streaming : IStore
    {
        public static bool PastCaches => true;
    }

    private readonly struct Cached : IStore
    {
        public static bool PastCaches => false;
    }
}
