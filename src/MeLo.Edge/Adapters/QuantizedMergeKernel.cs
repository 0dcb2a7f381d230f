using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>Vectors of floats whose rounded values fill one vector of bytes.</summary>
    private const int Group = 4;

    // 1.5·2^23: a float of at most 2^22 in magnitude added to it is rounded half to even to a whole number, which is then in the lowest
    // bits, two's complement. One addition, the same on every machine.
    private const float Rounder = 12582912f;

    /// <summary>The columns of one panel.</summary>
    /// <param name="inFeatures">The rows.</param>
    /// <param name="lanes">The floats of one vector.</param>
    public static int Columns(int inFeatures, int lanes)
    {
        int columns = MostColumns;
        while (columns > Group * lanes && (long)columns * inFeatures * sizeof(float) > PanelBytes) columns /= 2;
        return columns;
    }

    /// <summary>How many floats of scratch a panel needs: the merged values, magnitudes, inverses, B, and the factors of one tile.</summary>
    public static long ScratchLength(in QuantizedMergeItem item, int columns) =>
        ((item.InFeatures + 2L) * columns) + ((columns + (long)MergeKernel.TileRows) * (item.Pair?.Rank ?? 0));

    /// <summary>Merges and quantises columns [first, first + width).</summary>
    /// <param name="item">The matrix.</param>
    /// <param name="first">The first column.</param>
    /// <param name="width">The number of columns.</param>
    /// <param name="columns">The columns of a full panel: a multiple of <see cref="Group"/> vectors.</param>
    /// <param name="scratch">Memory of <see cref="ScratchLength"/>, 64-byte aligned.</param>
    /// <param name="stream">Store past the caches where the rows are aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TLanes, TVector>(in QuantizedMergeItem item, int first, int width, int columns, float* scratch, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int rows = item.InFeatures, pitch = item.OutFeatures;
        float* magnitudes = scratch + ((long)rows * columns);
        float* inverses = magnitudes + columns;
        Merge<TLanes, TVector>(item, first, width, columns, scratch, magnitudes, inverses + columns);
        for (int c = 0; c < width; c++)
        {
            item.Scales[first + c] = QuantizedMerge.Scale(magnitudes[c], out inverses[c]);
            if (inverses[c] != 0) continue;
            for (long i = 0; i < rows; i++) scratch[(i * columns) + c] = 0; // zero times what is not finite would not be zero
        }
        Quantize<TLanes, TVector>(scratch, columns, rows, width, inverses, item.Destination + first, pitch, stream);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantize<TLanes, TVector>(float* merged, int columns, int rows, int width, float* inverses, sbyte* destination, int pitch, bool stream)
        where TLanes : struct, IMergeLanes<TVector>
        where TVector : struct
    {
        int lanes = TLanes.Count, group = Group * lanes;
        int full = width - (width % group);
        stream &= (nint)destination % group == 0 && pitch % group == 0;
        TVector rounder = TLanes.Broadcast(Rounder);
        for (int i = 0; i < rows; i++)
        {
            for (int c = 0; c < full; c += group)
            {
                float* value = merged + c, inverse = inverses + c;
                TVector v0 = TLanes.Add(TLanes.Multiply(TLanes.Load(value), TLanes.Load(inverse)), rounder);
                TVector v1 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + lanes), TLanes.Load(inverse + lanes)), rounder);
                TVector v2 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (2 * lanes)), TLanes.Load(inverse + (2 * lanes))), rounder);
                TVector v3 = TLanes.Add(TLanes.Multiply(TLanes.Load(value + (3 * lanes)), TLanes.Load(inverse + (3 * lanes))), rounder);
                if (stream) TLanes.StreamLowBytes(v0, v1, v2, v3, destination + c);
                else TLanes.StoreLowBytes(v0, v1, v2, v3, destination + c);
            }
            for (int c = full; c < width; c++) destination[c] = QuantizedMergeScalar.Round(merged[c], inverses[c]);
            merged += columns;
            destination += pitch;
        }
        // Streaming stores are weakly ordered: they must be visible before anyone is told that the panel is done.
        if (Sse.IsSupported) Sse.StoreFence();
    }
}
