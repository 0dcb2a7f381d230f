using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>
/// Merging and quantising a panel of columns, a group of rows after another. A column's scale is known only when the group's last row is merged, so
/// its merged values wait in scratch of 64 KiB, in the second-level cache: W is read from memory once, and what is written is written once.
/// </summary>
internal static unsafe class QuantizedMergeKernel
{
    // The processors' own prefetchers do not follow pieces of 256 bytes this far apart, so W is asked for by hand: far enough ahead for a
    // memory's latency, a sixteenth of a second-level cache of 256 KiB. Into that cache, not the first: a Zen 4 core has few first-level
    // misses under way at once, and the stores into scratch, which miss that cache too, would queue behind those that wait for memory.
    // There, one task of ViT-B on two threads took 6.2 ms without, 4.0 into the first level, 2.2 to 2.4 into the second.
    private const int RowsAhead = 64;

    private const int CacheLineFloats = 16;

    /// <summary>Vectors of columns quantised together: their sums, inverses and one quad fit AVX2's registers.</summary>
    private const int Together = 4;

    // 1.5·2^23: a float of at most 2^22 in magnitude added to it is rounded half to even to a whole number, which is then in the lowest
    // bits, two's complement. One addition, the same on every machine.
    private const float Rounder = 12582912f;
    private const int RounderBits = 0x4B400000;

    /// <summary>How many floats of scratch a call needs: a group's merged values, its magnitudes and inverses, the panel's part of B, and all rows' factors.</summary>
    public static long ScratchLength(in RoundedMergeItem item)
    {
        int columns = PackedMatrix.PanelColumns, rank = item.Pair?.Rank ?? 0;
        return ((PackedMatrix.GroupRows + 2 + rank) * columns) + ((long)item.Packed.Quads * PackedMatrix.QuadRows * rank);
    }

    /// <summary>Merges and quantises a panel.</summary>
    /// <param name="item">The matrix.</param>
    /// <param name="number">The panel's number.</param>
    /// <param name="ahead">What will be read after it.</param>
    /// <param name="hasFactors">Whether the rows' factors are in the scratch already, of another panel of the matrix.</param>
    /// <param name="scratch">Memory of <see cref="ScratchLength"/>, 64-byte aligned.</param>
    /// <param name="stream">Store past the caches where the destination is aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TLanes, TVector>(in RoundedMergeItem item, int number, Ahead ahead, bool hasFactors, float* scratch, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        const int Columns = PackedMatrix.PanelColumns;
        PackedMatrix shape = item.Packed;
        int rows = item.InFeatures, rank = item.Pair?.Rank ?? 0, column = number * Columns, width = Math.Min(Columns, item.OutFeatures - column);
        float* magnitudes = scratch + (PackedMatrix.GroupRows * Columns);
        float* inverses = magnitudes + Columns;
        float* packed = inverses + Columns;
        float* factors = packed + ((long)Columns * rank);
        if (item.Pair is { } pair)
        {
            for (int i = 0; i < rows && !hasFactors; i += MergeKernel.TileRows)
                MergeKernel.PackFactors(pair, item.Factor, i, Math.Min(MergeKernel.TileRows, rows - i), factors + ((long)i * rank));
            MergeKernel.PackPanels(pair, column, width, MergeKernel.TileVectors * TLanes.Count, packed);
        }
        byte* panel = item.Destination + (number * shape.PanelBytes);
        float* sums = (float*)(panel + shape.SumsOffset), scales = (float*)(panel + shape.ScalesOffset);
        for (int row = 0; row < rows; row += PackedMatrix.GroupRows, sums += Columns, scales += Columns)
        {
            int filled = Math.Min(PackedMatrix.GroupRows, rows - row), quads = (filled + PackedMatrix.QuadRows - 1) / PackedMatrix.QuadRows;
            Merge<TLanes, TVector>(item, row, filled, column, width, ahead, scratch, magnitudes, packed, factors);
            for (int c = 0; c < Columns; c++)
            {
                scales[c] = QuantizedMerge.Scale(c < width ? magnitudes[c] : 0, out inverses[c]);
                if (inverses[c] != 0) continue;
                // Zero times what is not finite would not be zero, and beyond the matrix stands what another left.
                for (int i = 0; i < filled; i++) scratch[(i * Columns) + c] = 0;
            }
            NativeMemory.Clear(scratch + (filled * Columns), (nuint)(((quads * PackedMatrix.QuadRows) - filled) * Columns * sizeof(float)));
            Quantize<TLanes, TVector>(scratch, quads, inverses, panel + PackedMatrix.WeightOffset(row, 0), sums, stream);
        }
        // Streaming stores are weakly ordered: they must be visible before anyone is told that the panel is done.
        if (Sse.IsSupported) Sse.StoreFence();
    }

    // A group's rows of the panel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Merge<TLanes, TVector>(
        in RoundedMergeItem item, int row, int rows, int column, int width, Ahead ahead, float* merged, float* magnitudes, float* packed, float* factors)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int pitch = item.OutFeatures, rank = item.Pair?.Rank ?? 0;
        float* w = item.Pristine + column;
        NativeMemory.Clear(magnitudes, PackedMatrix.PanelColumns * sizeof(float));
        for (int i = row; i < row + rows; i += MergeKernel.TileRows, merged += MergeKernel.TileRows * PackedMatrix.PanelColumns)
        {
            int count = Math.Min(MergeKernel.TileRows, row + rows - i), prefetched = i + RowsAhead;
            if (prefetched < item.InFeatures) Prefetch(w + ((long)prefetched * pitch), pitch);
            else if (ahead.W != null) Prefetch(ahead.W + ((long)(prefetched - item.InFeatures) * ahead.Pitch), ahead.Pitch);
            MergeKernel.Columns<TLanes, TVector>(w + ((long)i * pitch), pitch, merged, PackedMatrix.PanelColumns, width, count, rank, packed, factors + ((long)i * rank));
            Track<TLanes, TVector>(merged, count, width, magnitudes);
        }
    }

    // A hint: what lies beyond the matrix does no harm.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* w, int pitch)
    {
        if (!Sse.IsSupported) return;
        for (int row = 0; row < MergeKernel.TileRows; row++, w += pitch)
        {
            for (int c = 0; c < PackedMatrix.PanelColumns; c += CacheLineFloats) Sse.Prefetch1(w + c);
        }
    }

    // The rows are still in the first-level cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Track<TLanes, TVector>(float* merged, int rows, int width, float* magnitudes)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int c = 0;
        for (; c <= width - TLanes.Count; c += TLanes.Count)
        {
            TVector magnitude = TLanes.Load(magnitudes + c);
            float* value = merged + c;
            for (int row = 0; row < rows; row++, value += PackedMatrix.PanelColumns) magnitude = TLanes.MaxMagnitude(TLanes.Load(value), magnitude);
            TLanes.Store(magnitude, magnitudes + c);
        }
        for (; c < width; c++)
        {
            for (int row = 0; row < rows; row++) magnitudes[c] = MathF.Max(magnitudes[c], MathF.Abs(merged[(row * PackedMatrix.PanelColumns) + c]));
        }
    }

    // A group of a panel: four rows become the bytes of one quad, in place of their columns' 32 bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantize<TLanes, TVector>(float* merged, int quads, float* inverses, byte* weights, float* sums, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int lanes = TLanes.Count;
        stream &= (nint)weights % (lanes * sizeof(float)) == 0;
        for (int c = 0; c < PackedMatrix.PanelColumns; c += Together * lanes)
        {
            float* value = merged + c;
            byte* to = weights + (c * PackedMatrix.QuadRows);
            TVector i0 = TLanes.Load(inverses + c), i1 = TLanes.Load(inverses + c + lanes), i2 = TLanes.Load(inverses + c + (2 * lanes)), i3 = TLanes.Load(inverses + c + (3 * lanes));
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            for (int quad = 0; quad < quads; quad++)
            {
                s0 = Quad<TLanes, TVector>(value, i0, s0, to, stream);
                s1 = Quad<TLanes, TVector>(value + lanes, i1, s1, to + (lanes * PackedMatrix.QuadRows), stream);
                s2 = Quad<TLanes, TVector>(value + (2 * lanes), i2, s2, to + (2 * lanes * PackedMatrix.QuadRows), stream);
                s3 = Quad<TLanes, TVector>(value + (3 * lanes), i3, s3, to + (3 * lanes * PackedMatrix.QuadRows), stream);
                value += PackedMatrix.QuadRows * PackedMatrix.PanelColumns;
                to += PackedMatrix.PanelColumns * PackedMatrix.QuadRows;
            }
            // What the rounder's own bits added is taken off again; both wrap around alike.
            int excess = unchecked(quads * PackedMatrix.QuadRows * RounderBits);
            TLanes.StoreLess(s0, excess, sums + c);
            TLanes.StoreLess(s1, excess, sums + c + lanes);
            TLanes.StoreLess(s2, excess, sums + c + (2 * lanes));
            TLanes.StoreLess(s3, excess, sums + c + (3 * lanes));
        }
    }

    /// <returns>The sums with the four rows' rounded bits added.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Quad<TLanes, TVector>(float* value, TVector inverse, TVector sum, byte* to, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        TVector rounder = TLanes.Broadcast(Rounder);
        TVector v0 = TLanes.Add(TLanes.Multiply(TLanes.Load(value), inverse), rounder);
        TVector v1 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + PackedMatrix.PanelColumns), inverse), rounder);
        TVector v2 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (2 * PackedMatrix.PanelColumns)), inverse), rounder);
        TVector v3 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (3 * PackedMatrix.PanelColumns)), inverse), rounder);
        TVector bytes = TLanes.LowBytes(v0, v1, v2, v3);
        if (stream) TLanes.Stream(bytes, (float*)to);
        else TLanes.Store(bytes, (float*)to);
        return TLanes.AddBits(TLanes.AddBits(sum, TLanes.AddBits(v0, v1)), TLanes.AddBits(v2, v3));
    }

    /// <summary>The weights that a thread reads next: their first row's first column, or null, and the floats from row to row.</summary>
    public readonly struct Ahead(float* w, int pitch)
    {
        public float* W { get; } = w;

        public int Pitch { get; } = pitch;
    }
}
