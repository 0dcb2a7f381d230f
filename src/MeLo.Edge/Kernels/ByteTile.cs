using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
        for (bool last = false; !last; NextGroup(call))
        {
            last = call->GroupsBefore == 0;
            int quads = Quads(call);
            for (int row = 0; row < rows; row += 3)
            {
                for (int column = 0; column < PackedMatrix.PanelColumns; column += 2 * TLanes.Count)
                    ThreeByTwo<TLanes, TVector>(call, quads, row, Math.Min(3, rows - row), column);
            }
        }
        int lanes = Vector256<float>.Count;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < PackedMatrix.PanelColumns; column += lanes)
            {
                long at = (row * call->ResultStride / sizeof(float)) + column;
                Vector256<float> value = Vector256.Load(call->Partial + (row * PackedMatrix.PanelColumns) + column);
                if (call->Residual != null) value += Vector256.Load(call->Residual + at);
                value.Store(call->Result + at);
            }
        }
    }

    private static int Quads(TileCall* call) => call->GroupsBefore > 0 ? PackedMatrix.GroupRows / PackedMatrix.QuadRows : (int)((call->FourQuads * 4) + call->OddQuads);

    private static void NextGroup(TileCall* call)
    {
        call->Begun = 1;
        call->GroupsBefore--;
        call->Bytes += PackedMatrix.GroupRows;
        call->Weights += PackedMatrix.GroupRows * PackedMatrix.PanelColumns;
        call->Sums += PackedMatrix.PanelColumns;
        call->ColumnScales += PackedMatrix.PanelColumns;
        call->Scales = (float*)((byte*)call->Scales + call->RangeStride);
        call->Lows = (float*)((byte*)call->Lows + call->RangeStride);
    }

    /// <summary>The same without vectors.</summary>
    public static void ComputeScalar(TileCall* call, int rows)
    {
        for (bool last = false; !last; NextGroup(call))
        {
            last = call->GroupsBefore == 0;
            int features = Quads(call) * PackedMatrix.QuadRows;
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < PackedMatrix.PanelColumns; column++)
                {
                    int sum = 0;
                    for (int i = 0; i < features; i++) sum += call->Bytes[(row * call->RowBytes) + i] * call->Weights[PackedMatrix.WeightOffset(i, column)];
                    float* partial = call->Partial + (row * PackedMatrix.PanelColumns) + column;
                    float value = MathF.FusedMultiplyAdd(sum * call->Scales[row], call->ColumnScales[column], call->Begun == 0 ? call->Bias[column] : *partial);
                    *partial = MathF.FusedMultiplyAdd(call->ColumnScales[column] * call->Sums[column], call->Lows[row], value);
                }
            }
        }
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < PackedMatrix.PanelColumns; column++)
            {
                long at = (row * call->ResultStride / sizeof(float)) + column;
                float value = call->Partial[(row * PackedMatrix.PanelColumns) + column];
                call->Result[at] = call->Residual == null ? value : value + call->Residual[at];
            }
        }
    }

    // Six sums, two vectors of weights and one of bytes, with room for what a processor without dot products needs beside them in 16 registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ThreeByTwo<TLanes, TVector>(TileCall* call, int quads, int row, int rows, int column)
        where TLanes : struct, IByteLanes<TVector>
        where TVector : struct
    {
        byte* a0 = call->Bytes + (row * call->RowBytes);
        byte* a1 = rows > 1 ? a0 + call->RowBytes : a0;
        byte* a2 = rows > 2 ? a1 + call->RowBytes : a0;
        sbyte* w = call->Weights + (column * PackedMatrix.QuadRows);
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
        Finish<TLanes, TVector>(call, row, column, s00, s01);
        if (rows > 1) Finish<TLanes, TVector>(call, row + 1, column, s10, s11);
        if (rows > 2) Finish<TLanes, TVector>(call, row + 2, column, s20, s21);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TLanes, TVector>(TileCall* call, int row, int column, TVector sum0, TVector sum1)
        where TLanes : struct, IByteLanes<TVector>
        where TVector : struct
    {
        float scale = call->Scales[row], low = call->Lows[row];
        float* sums = call->Sums + column, scales = call->ColumnScales + column, partial = call->Partial + (row * PackedMatrix.PanelColumns) + column;
        float* before = call->Begun != 0 ? partial : call->Bias + column;
        TLanes.FinishGroup(sum0, scale, scales, sums, low, before, partial);
        TLanes.FinishGroup(sum1, scale, scales + TLanes.Count, sums + TLanes.Count, low, before + TLanes.Count, partial + TLanes.Count);
    }
}
