using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>
/// Merging and quantising a panel of whole columns. A column's scale is known only when its last row is merged, so the panel's merged
/// values wait in scratch that fits the second-level cache: W is read from memory once, and what is written is written once.
/// </summary>
internal static unsafe class QuantizedMergeKernel
{
    // Of 64, 128 and 192 columns the fastest on Zen 5 with ViT-B: long enough pieces of a row to read and to write.
    private const int MostColumns = 128;

    // Half of a second-level cache of 1 MiB; what is read of W passes through the other half.
    private const long PanelBytes = 512 << 10;

    // The processors' own prefetchers do not follow reads this far apart. On Zen 5 a task of
    // ViT-B took 3.1 ms without, 2.0 with this.
    private const int RowsAhead = 16;

    private const int CacheLineFloats = 16;

    /// <summary>Vectors of columns quantised together: their sums, inverses and one quad fit AVX2's registers.</summary>
    private const int Together = 4;

    // 1.5·2^23: a float of at most 2^22 in magnitude added to it is rounded half to even to a whole number, which is then in the lowest
    // bits, two's complement. One addition, the same on every machine.
    private const float Rounder = 12582912f;
    private const int RounderBits = 0x4B400000;

    /// <summary>The columns merged and quantised together, whole panels of them.</summary>
    /// <param name="inFeatures">The rows.</param>
    public static int Columns(int inFeatures)
    {
        int columns = MostColumns;
        while (columns > PackedMatrix.PanelColumns && (long)columns * inFeatures * sizeof(float) > PanelBytes) columns /= 2;
        return columns;
    }

    /// <summary>How many floats of scratch they need: the merged values in whole quads, magnitudes, inverses, B, and the factors of one tile.</summary>
    public static long ScratchLength(in QuantizedMergeItem item, int columns) =>
        ((((long)item.Shape.Quads * PackedMatrix.QuadRows) + 2) * columns) + ((columns + (long)MergeKernel.TileRows) * (item.Pair?.Rank ?? 0));

    /// <summary>Merges and quantises columns [first, first + width).</summary>
    /// <param name="item">The matrix.</param>
    /// <param name="first">The first column, a panel's first.</param>
    /// <param name="width">The number of columns.</param>
    /// <param name="columns">Those of <see cref="Columns"/>.</param>
    /// <param name="scratch">Memory of <see cref="ScratchLength"/>, 64-byte aligned.</param>
    /// <param name="stream">Store past the caches where the destination is aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panels<TLanes, TVector>(in QuantizedMergeItem item, int first, int width, int columns, float* scratch, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int rows = item.InFeatures, filled = item.Shape.Quads * PackedMatrix.QuadRows;
        float* magnitudes = scratch + ((long)filled * columns);
        float* inverses = magnitudes + columns;
        Merge<TLanes, TVector>(item, first, width, columns, scratch, magnitudes, inverses + columns);
        NativeMemory.Clear(scratch + ((long)rows * columns), (nuint)((filled - rows) * columns * sizeof(float)));
        byte* panel = item.Destination + (first / PackedMatrix.PanelColumns * item.Shape.PanelBytes);
        for (int start = 0; start < width; start += PackedMatrix.PanelColumns, panel += item.Shape.PanelBytes)
        {
            float* scales = (float*)(panel + item.Shape.ScalesOffset);
            for (int c = 0; c < PackedMatrix.PanelColumns; c++)
            {
                scales[c] = QuantizedMerge.Scale(start + c < width ? magnitudes[start + c] : 0, out inverses[start + c]);
                if (inverses[start + c] != 0) continue;
                // Zero times what is not finite would not be zero, and beyond the matrix stands what another left.
                for (long i = 0; i < rows; i++) scratch[(i * columns) + start + c] = 0;
            }
            Quantize<TLanes, TVector>(scratch + start, columns, item.Shape, inverses + start, panel, stream);
        }
        // Streaming stores are weakly ordered: they must be visible before anyone is told that the panels are done.
        if (Sse.IsSupported) Sse.StoreFence();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Merge<TLanes, TVector>(in QuantizedMergeItem item, int first, int width, int columns, float* merged, float* magnitudes, float* packed)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int rows = item.InFeatures, pitch = item.OutFeatures, rank = item.Pair?.Rank ?? 0;
        float* factors = packed + ((long)columns * rank);
        if (item.Pair is { } b) MergeKernel.PackPanels(b, first, width, MergeKernel.TileVectors * TLanes.Count, packed);
        NativeMemory.Clear(magnitudes, (nuint)columns * sizeof(float));
        for (int i = 0; i < rows; i += MergeKernel.TileRows)
        {
            int count = Math.Min(MergeKernel.TileRows, rows - i);
            float* w = item.Pristine + ((long)i * pitch) + first;
            float* target = merged + ((long)i * columns);
            Prefetch(w + ((long)RowsAhead * pitch), pitch, Math.Min(MergeKernel.TileRows, rows - i - RowsAhead), width);
            if (item.Pair is { } pair) MergeKernel.PackFactors(pair, item.Factor, i, count, factors);
            MergeKernel.Columns<TLanes, TVector>(w, pitch, target, columns, width, count, rank, packed, factors);
            Track<TLanes, TVector>(target, columns, count, width, magnitudes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* w, int pitch, int rows, int width)
    {
        if (!Sse.IsSupported) return;
        for (int row = 0; row < rows; row++, w += pitch)
        {
            for (int c = 0; c < width; c += CacheLineFloats) Sse.Prefetch0(w + c);
        }
    }

    // The rows are still in the first-level cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Track<TLanes, TVector>(float* merged, int columns, int rows, int width, float* magnitudes)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int c = 0;
        for (; c <= width - TLanes.Count; c += TLanes.Count)
        {
            TVector magnitude = TLanes.Load(magnitudes + c);
            float* value = merged + c;
            for (int row = 0; row < rows; row++, value += columns) magnitude = TLanes.MaxMagnitude(TLanes.Load(value), magnitude);
            TLanes.Store(magnitude, magnitudes + c);
        }
        for (; c < width; c++)
        {
            for (int row = 0; row < rows; row++) magnitudes[c] = MathF.Max(magnitudes[c], MathF.Abs(merged[(row * columns) + c]));
        }
    }

    // One panel: four rows become the bytes of one quad, in place of their columns' 32 bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantize<TLanes, TVector>(float* merged, int pitch, PackedMatrix shape, float* inverses, byte* panel, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        const int GroupQuads = PackedMatrix.GroupRows / PackedMatrix.QuadRows;
        int lanes = TLanes.Count;
        stream &= (nint)panel % (lanes * sizeof(float)) == 0;
        float* sums = (float*)(panel + shape.SumsOffset);
        for (int first = 0; first < shape.Quads; first += GroupQuads, sums += PackedMatrix.PanelColumns)
        {
            int quads = Math.Min(GroupQuads, shape.Quads - first);
            for (int c = 0; c < PackedMatrix.PanelColumns; c += Together * lanes)
            {
                float* value = merged + ((long)first * PackedMatrix.QuadRows * pitch) + c;
                byte* to = panel + (((((long)first * PackedMatrix.PanelColumns) + c)) * PackedMatrix.QuadRows);
                TVector i0 = TLanes.Load(inverses + c), i1 = TLanes.Load(inverses + c + lanes), i2 = TLanes.Load(inverses + c + (2 * lanes)), i3 = TLanes.Load(inverses + c + (3 * lanes));
                TVector s0 = default, s1 = default, s2 = default, s3 = default;
                for (int quad = 0; quad < quads; quad++)
                {
                    s0 = Quad<TLanes, TVector>(value, pitch, i0, s0, to, stream);
                    s1 = Quad<TLanes, TVector>(value + lanes, pitch, i1, s1, to + (lanes * PackedMatrix.QuadRows), stream);
                    s2 = Quad<TLanes, TVector>(value + (2 * lanes), pitch, i2, s2, to + (2 * lanes * PackedMatrix.QuadRows), stream);
                    s3 = Quad<TLanes, TVector>(value + (3 * lanes), pitch, i3, s3, to + (3 * lanes * PackedMatrix.QuadRows), stream);
                    value += (long)PackedMatrix.QuadRows * pitch;
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
    }

    /// <returns>The sums with the four rows' rounded bits added.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Quad<TLanes, TVector>(float* value, int pitch, TVector inverse, TVector sum, byte* to, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        TVector rounder = TLanes.Broadcast(Rounder);
        TVector v0 = TLanes.Add(TLanes.Multiply(TLanes.Load(value), inverse), rounder);
        TVector v1 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + pitch), inverse), rounder);
        TVector v2 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (2 * pitch)), inverse), rounder);
        TVector v3 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (3 * pitch)), inverse), rounder);
        TVector bytes = TLanes.LowBytes(v0, v1, v2, v3);
        if (stream) TLanes.Stream(bytes, (float*)to);
        else TLanes.Store(bytes, (float*)to);
        return TLanes.AddBits(TLanes.AddBits(sum, TLanes.AddBits(v0, v1)), TLanes.AddBits(v2, v3));
    }
}
