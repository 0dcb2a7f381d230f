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
                Vector256<float> sum = Vector256.Load(call->Partial + (row * PackedMatrix.PanelColumns) + column);
                Vector256<float> value = Vector256.FusedMultiplyAdd(sum, Vector256.Load(call->ColumnScales + column), Vector256.Load(call->Bias + column));
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
                    float value = MathF.FusedMultiplyAdd(call->Sums[column], call->Lows[row], sum * call->Scales[row]);
                    *partial = call->Begun == 0 ? value : *partial + value;
                }
            }
        }
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < PackedMatrix.PanelColumns; column++)
            {
                long at = (row * call->ResultStride / sizeof(float)) + column;
                float value = MathF.FusedMultiplyAdd(call->Partial[(row * PackedMatrix.PanelColumns) + column], call->ColumnScales[column], call->Bias[column]);
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
        float* partial = call->Partial + (row * PackedMatrix.PanelColumns) + column, scale = call->Scales + row, low = call->Lows + row;
        bool add = call->Begun != 0;
        TLanes.FinishGroup(s00, *scale, sums, *low, partial, add);
        TLanes.FinishGroup(s01, *scale, sums + TLanes.Count, *low, partial + TLanes.Count, add);
        if (rows > 1)
        {
            TLanes.FinishGroup(s10, scale[1], sums, low[1], partial + PackedMatrix.PanelColumns, add);
            TLanes.FinishGroup(s11, scale[1], sums + TLanes.Count, low[1], partial + PackedMatrix.PanelColumns + TLanes.Count, add);
        }
        if (rows > 2)
        {
            TLanes.FinishGroup(s20, scale[2], sums, low[2], partial + (2 * PackedMatrix.PanelColumns), add);
            TLanes.FinishGroup(s21, scale[2], sums + TLanes.Count, low[2], partial + (2 * PackedMatrix.PanelColumns) + TLanes.Count, add);
        }
    }
}
