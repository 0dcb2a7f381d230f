using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>
/// Attention for a block of queries of one head. The scores lie transposed, a column a query: the softmax's maximum and sum run down the
/// vectors, and both products take one factor from memory and vectors from the other side, so that keys and values are read where they are. Only
/// the block's queries are copied, transposed and scaled.
/// </summary>
internal static unsafe class AttentionKernel
{
    /// <summary>A multiple of every vector's floats and of a tile's rows, small enough that a block's scores stay in the second-level cache.</summary>
    public const int BlockQueries = 48;

    /// <summary>Computes the block whose first query is <paramref name="first"/>.</summary>
    public static void Block<TLanes, TVector>(in Attention attention, int image, int head, int first)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint dim = attention.Dim;
        int tokens = attention.Tokens, w = attention.HeadWidth;
        int queries = Math.Min(BlockQueries, attention.AskingTokens - first);
        nint asking = attention.Asking(image, head, first), asked = attention.Asked(image, head);
        float* query = attention.Query + asking;
        float* key = attention.Key + asked;

        float* packed = KernelScratch.Floats(checked(BlockQueries * (w + tokens + 1)));
        float* scores = packed + (BlockQueries * w);                                    // packed: [w, BlockQueries]
        float* factors = scores + (BlockQueries * tokens);                              // scores: [tokens, BlockQueries]

        // A few queries, such as the class token alone, do not fill a wide vector.
        int rest = queries % TLanes.Count;
        if (rest > TLanes.Count / 2) rest = 0;
        int wide = queries - rest;
        if (wide > 0) Weights<TLanes, TVector>(attention, query, wide, key, packed, scores, factors);
        if (rest > Vector128<float>.Count) Weights<FloatLanes256, Vector256<float>>(attention, query + (wide * dim), rest, key, packed + wide, scores + wide, factors + wide);
        else if (rest > 0) Weights<FloatLanes128, Vector128<float>>(attention, query + (wide * dim), rest, key, packed + wide, scores + wide, factors + wide);

        MixAll<TLanes, TVector>(scores, factors, queries, attention.Value + asked, dim, tokens, w, attention.Output + asking);
    }

    // [queries, w] x [w, tokens] -> softmax, [tokens, queries], but for one factor a query
    private static void Weights<TLanes, TVector>(in Attention attention, float* query, int queries, float* key, float* packed, float* scores, float* factors)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint dim = attention.Dim;
        int tokens = attention.Tokens, w = attention.HeadWidth;
        int columns = (queries + TLanes.Count - 1) / TLanes.Count * TLanes.Count;
        PackQueries(query, dim, queries, columns, w, attention.Scale, packed, BlockQueries);
        new Span<float>(factors, columns).Fill(float.NegativeInfinity);
        Scores<TLanes, TVector>(key, dim, tokens, packed, w, columns, scores, factors);
        Softmax<TLanes, TVector>(scores, tokens, columns, factors);
    }

    /// <summary>[queries, w] -> scaled [w, columns], <paramref name="pitch"/> apart. Columns, a multiple of 4, beyond the queries repeat the last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQueries(float* query, nint dim, int queries, int columns, int w, float scale, float* packed, int pitch)
    {
        Vector128<float> factor = Vector128.Create(scale);
        for (int c = 0; c < columns; c += 4)
        {
            float* q0 = query + (dim * Math.Min(c, queries - 1));
            float* q1 = query + (dim * Math.Min(c + 1, queries - 1));
            float* q2 = query + (dim * Math.Min(c + 2, queries - 1));
            float* q3 = query + (dim * Math.Min(c + 3, queries - 1));
            float* to = packed + c;
            int k = 0;
            for (; k + 4 <= w; k += 4)
            {
                Vector128<float> r0 = Vector128.Load(q0 + k) * factor, r1 = Vector128.Load(q1 + k) * factor;
                Vector128<float> r2 = Vector128.Load(q2 + k) * factor, r3 = Vector128.Load(q3 + k) * factor;
                Vector128<float> low02 = ZipLow(r0, r2), high02 = ZipHigh(r0, r2), low13 = ZipLow(r1, r3), high13 = ZipHigh(r1, r3);
                ZipLow(low02, low13).Store(to);
                ZipHigh(low02, low13).Store(to + pitch);
                ZipLow(high02, high13).Store(to + (2 * pitch));
                ZipHigh(high02, high13).Store(to + (3 * pitch));
                to += 4 * pitch;
            }
            for (; k < w; k++)
            {
                (Vector128.Create(q0[k], q1[k], q2[k], q3[k]) * factor).Store(to);
                to += pitch;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);

    // [tokens, w] x [w, columns] -> [tokens, columns], and each column's maximum
    private static void Scores<TLanes, TVector>(float* key, nint dim, int tokens, float* packed, int w, int columns, float* scores, float* maxima)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        int lanes = TLanes.Count;
        for (int c = 0; c < columns; c += 2 * lanes)
        {
            for (int token = 0; token < tokens; token += ProductTile.Rows)
            {
                int rows = Math.Min(ProductTile.Rows, tokens - token);
                float* to = scores + (token * BlockQueries) + c;
                if (c + lanes < columns) ProductTile.Two<TLanes, TVector, MaximumEnd>(key + (token * dim), dim, 1, packed + c, BlockQueries, w, rows, to, BlockQueries, maxima + c);
                else ProductTile.One<TLanes, TVector, MaximumEnd>(key + (token * dim), dim, 1, packed + c, BlockQueries, w, rows, to, BlockQueries, maxima + c);
            }
        }
    }

    // Down each column: 2^(score - maximum). The maximum gives way to the factor that makes their sum 1.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax<TLanes, TVector>(float* scores, int tokens, int columns, float* factors)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        float* end = scores + (tokens * BlockQueries);
        for (int c = 0; c < columns; c += TLanes.Count)
        {
            TVector maximum = TLanes.Load(factors + c), sum = default;
            for (float* s = scores + c; s < end; s += BlockQueries)
            {
                TVector weight = VectorFunctions.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(s), maximum));
                sum = TLanes.Add(sum, weight);
                TLanes.Store(weight, s);
            }
            TLanes.Store(TLanes.Divide(TLanes.Broadcast(1), sum), factors + c);
        }
    }

    // [queries, tokens], transposed, x [tokens, w] -> [queries, w]: whole vectors where the values are, then narrower ones
    private static void MixAll<TLanes, TVector>(float* weights, float* factors, int queries, float* value, nint dim, int tokens, int w, float* output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        int done = w - (w % TLanes.Count);
        Mix<TLanes, TVector>(weights, factors, queries, value, dim, tokens, done, output);
        if (TLanes.Count > Vector256<float>.Count && w - done >= Vector256<float>.Count)
        {
            Mix<FloatLanes256, Vector256<float>>(weights, factors, queries, value + done, dim, tokens, Vector256<float>.Count, output + done);
            done += Vector256<float>.Count;
        }
        if (TLanes.Count > Vector128<float>.Count && w - done >= Vector128<float>.Count)
        {
            Mix<FloatLanes128, Vector128<float>>(weights, factors, queries, value + done, dim, tokens, Vector128<float>.Count, output + done);
            done += Vector128<float>.Count;
        }
        for (; done < w; done++)
        {
            for (int query = 0; query < queries; query++)
            {
                float sum = 0;
                for (int token = 0; token < tokens; token++) sum += weights[(token * BlockQueries) + query] * value[(token * dim) + done];
                output[(query * dim) + done] = sum * factors[query];
            }
        }
    }

    // [queries, tokens], transposed, x [tokens, columns] -> [queries, columns]
    private static void Mix<TLanes, TVector>(float* weights, float* factors, int queries, float* value, nint dim, int tokens, int columns, float* output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        int lanes = TLanes.Count;
        for (int query = 0; query < queries; query += ProductTile.Rows)
        {
            int rows = Math.Min(ProductTile.Rows, queries - query);
            for (int c = 0; c < columns; c += 2 * lanes)
            {
                float* to = output + (query * dim) + c;
                if (c + lanes < columns)
                    ProductTile.Two<TLanes, TVector, ScalingEnd>(weights + query, 1, BlockQueries, value + c, dim, tokens, rows, to, dim, factors + query);
                else
                    ProductTile.One<TLanes, TVector, ScalingEnd>(weights + query, 1, BlockQueries, value + c, dim, tokens, rows, to, dim, factors + query);
            }
        }
    }
}
