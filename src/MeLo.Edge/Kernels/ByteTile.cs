using System.Runtime.CompilerServices;

namespace MeLo.Edge.Kernels;

/// <summary>The tile in vectors that .NET has, and without any: what <see cref="ByteTileCode"/> computes, bit for bit.</summary>
internal static unsafe class ByteTile
{
    /// <summary>Computes a tile of up to <see cref="TileCall.MaxRows"/> rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute<TLanes, TVector>(TileCall* call, int rows)
        where TLanes : struct, IByteLanes<TVector>
        where TVector : struct
    {
        int quads = (int)((call->FourQuads * 4) + call->OddQuads);
        byte* bytes = call->Bytes;
        sbyte* weights = call->Weights;
        for (; call->Groups > 0; call->Groups--)
        {
            for (int row = 0; row < rows; row += 3)
            {
                for (int column = 0; column < PackedMatrix.PanelColumns; column += 2 * TLanes.Count)
                    ThreeByTwo<TLanes, TVector>(call, bytes, weights, quads, row, Math.Min(3, rows - row), column);
            }
            bytes += quads * PackedMatrix.QuadRows;
            weights += (long)quads * PackedMatrix.QuadRows * PackedMatrix.PanelColumns;
            NextGroup(call);
        }
    }

    /// <summary>The same without vectors.</summary>
    public static void ComputeScalar(TileCall* call, int rows)
    {
        int quads = (int)((call->FourQuads * 4) + call->OddQuads), features = quads * PackedMatrix.QuadRows;
        byte* bytes = call->Bytes;
        sbyte* weights = call->Weights;
        for (; call->Groups > 0; call->Groups--)
        {
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < PackedMatrix.PanelColumns; column++)
                {
                    int sum = 0;
                    for (int i = 0; i < features; i++) sum += bytes[(row * call->RowBytes) + i] * weights[PackedMatrix.WeightOffset(i, column)];
                    float* result = call->Results + (row * PackedMatrix.PanelColumns) + column;
                    *result = MathF.FusedMultiplyAdd(call->Sums[column], call->Lows[row], MathF.FusedMultiplyAdd(sum, call->Scales[row], *result));
                }
            }
            bytes += features;
            weights += (long)features * PackedMatrix.PanelColumns;
            NextGroup(call);
        }
    }

    private static void NextGroup(TileCall* call)
    {
        call->Sums += PackedMatrix.PanelColumns;
        call->Scales = (float*)((byte*)call->Scales + call->RangeStride);
        call->Lows = (float*)((byte*)call->Lows + call->RangeStride);
    }

    // Six sums, two vectors of weights and one of bytes, with room for what a processor without dot products needs beside them in 16 registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ThreeByTwo<TLanes, TVector>(TileCall* call, byte* bytes, sbyte* weights, int quads, int row, int rows, int column)
        where TLanes : struct, IByteLanes<TVector>
        where TVector : struct
    {
        byte* a0 = bytes + (row * call->RowBytes);
        byte* a1 = rows > 1 ? a0 + call->RowBytes : a0;
        byte* a2 = rows > 2 ? a1 + call->RowBytes : a0;
        sbyte* w = weights + (column * PackedMatrix.QuadRows);
        float* sums = call->Sums + column;
        TVector s00 = TLanes.Begin(sums), s01 = TLanes.Begin(sums + TLanes.Count);
        TVector s10 = s00, s11 = s01, s20 = s00, s21 = s01;
        for (int quad = 0; quad < quads; quad++, w += PackedMatrix.PanelColumns * PackedMatrix.QuadRows)
        {
            TVector w0 = TLanes.Load(w), w1 = TLanes.Load(w + (TLanes.Count * PackedMatrix.QuadRows));
            TVector a = TLanes.BroadcastQuad(a0 + (quad * PackedMatrix.QuadRows));
            s00 = TLanes.Dot(s00, a, w0);
            s01 = TLanes.Dot(s01, a, w1);
            a = TLanes.BroadcastQuad(a1 + (quad * PackedMatrix.QuadRows));
            s10 = TLanes.Dot(s10, a, w0);
            s11 = TLanes.Dot(s11, a, w1);
            a = TLanes.BroadcastQuad(a2 + (quad * PackedMatrix.QuadRows));
            s20 = TLanes.Dot(s20, a, w0);
            s21 = TLanes.Dot(s21, a, w1);
        }
        float* result = call->Results + (row * PackedMatrix.PanelColumns) + column;
        float* scale = call->Scales + row, low = call->Lows + row;
        TLanes.Add(s00, *scale, sums, *low, result);
        TLanes.Add(s01, *scale, sums + TLanes.Count, *low, result + TLanes.Count);
        if (rows > 1)
        {
            TLanes.Add(s10, scale[1], sums, low[1], result + PackedMatrix.PanelColumns);
            TLanes.Add(s11, scale[1], sums + TLanes.Count, low[1], result + PackedMatrix.PanelColumns + TLanes.Count);
        }
        if (rows > 2)
        {
            TLanes.Add(s20, scale[2], sums, low[2], result + (2 * PackedMatrix.PanelColumns));
            TLanes.Add(s21, scale[2], sums + TLanes.Count, low[2], result + (2 * PackedMatrix.PanelColumns) + TLanes.Count);
        }
    }
}
