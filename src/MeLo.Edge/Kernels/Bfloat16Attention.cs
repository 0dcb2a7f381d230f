using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>
/// <see cref="Attention"/> with products of bfloat16 and sums of binary32, on processors that have them (<see cref="PairTileCode"/>): queries, keys,
/// values and the softmax's weights are rounded to eight bits of precision, a relative 2^-8; everything else is binary32.
/// </summary>
/// <remarks>As there the scores lie transposed. A pair of weights, of neighbouring keys for one query, is then what a product with values needs.</remarks>
internal readonly unsafe struct Bfloat16Attention
{
    private const int BlockQueries = PairTileCall.PanelColumns, Lanes = 16;

    private readonly Attention _attention;
    private readonly int _blocks; // of queries, for one head
    private readonly int _taskBlocks;
    private readonly int _headTasks;

    /// <param name="attention">What is to be computed; <see cref="Takes"/> its head's width.</param>
    /// <param name="threads">About how many threads will take tasks; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no threads, or the heads have a width that is not taken.</exception>
    public Bfloat16Attention(in Attention attention, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!Takes(attention.HeadWidth)) throw new ArgumentOutOfRangeException(nameof(attention), attention.HeadWidth, "expected heads of a width that is taken");
        _attention = attention;
        _blocks = (attention.AskingTokens + BlockQueries - 1) / BlockQueries;
        // Keys and values are rounded once a task: as few as keep every thread busy.
        const int TasksPerThread = 4;
        int heads = Math.Max(1, attention.Images * attention.Heads);
        int headTasks = Math.Min(_blocks, ((TasksPerThread * threads) + heads - 1) / heads);
        _taskBlocks = (_blocks + headTasks - 1) / headTasks;
        _headTasks = (_blocks + _taskBlocks - 1) / _taskBlocks; // of whole blocks there may be fewer
        TaskCount = checked(attention.Images * attention.Heads * _headTasks);
    }

    /// <summary>The number of tasks.</summary>
    public int TaskCount { get; }

    /// <summary>Whether this machine and this code can take heads of that width.</summary>
    public static bool Takes(int headWidth) => PairTileCode.CanRun && headWidth % Lanes == 0;

    /// <summary>Runs one task, on any thread.</summary>
    /// <param name="task">From 0 to before <see cref="TaskCount"/>.</param>
    public void Run(int task)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(task);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(task, TaskCount);
        (int pair, int part) = Math.DivRem(task, _headTasks);
        (int image, int head) = Math.DivRem(pair, _attention.Heads);
        int tokens = _attention.Tokens, w = _attention.HeadWidth, pairs = (tokens + 1) / 2, panels = (w + BlockQueries - 1) / BlockQueries;
        nint dim = _attention.Dim;
        nint asked = _attention.Asked(image, head);

        int keysLength = checked(tokens * w) / 2, valuesLength = checked(panels * pairs * BlockQueries), scoresLength = checked(2 * pairs * BlockQueries);
        float* values = KernelScratch.Floats(checked(valuesLength + scoresLength + (BlockQueries * w) + (BlockQueries * w / 2) + BlockQueries + keysLength));
        float* scores = values + valuesLength;                                 // [tokens, 64]; the weights' pairs take their place, [pairs, 64]
        float* packed = scores + scoresLength;                                 // [w, 64]
        float* queries = packed + (BlockQueries * w);                          // [w/2, 64]
        float* factors = queries + (BlockQueries * w / 2);                         // [64]
        float* keys = factors + BlockQueries;                                  // [tokens, w/2]
        for (int token = 0; token < tokens; token++) RoundRow(_attention.Key + asked + (token * dim), w, (ushort*)keys + (token * w));
        PackValues(_attention.Value + asked, dim, tokens, w, (uint*)values, pairs);

        for (int block = part * _taskBlocks; block < Math.Min(_blocks, (part + 1) * _taskBlocks); block++)
        {
            int first = block * BlockQueries, count = Math.Min(BlockQueries, _attention.AskingTokens - first), vectors = (count + Lanes - 1) / Lanes;
            nint asking = _attention.Asking(image, head, first);
            AttentionKernel.PackQueries(_attention.Query + asking, dim, count, vectors * Lanes, w, _attention.Scale, packed, BlockQueries);
            for (int k = 0; k < w; k += 2) PairRows(packed + (k * BlockQueries), packed + ((k + 1) * BlockQueries), vectors, (uint*)queries + (k / 2 * BlockQueries));
            Product((uint*)keys, w / 2 * sizeof(uint), sizeof(uint), tokens, (uint*)queries, w / 2, vectors, null, scores, BlockQueries);
            for (int v = 0; v < vectors; v++) Softmax(scores + (v * Lanes), tokens, factors + (v * Lanes));
            for (int panel = 0; panel < panels; panel++)
            {
                int column = panel * BlockQueries, width = Math.Min(BlockQueries, w - column);
                Product((uint*)scores, sizeof(uint), BlockQueries * sizeof(uint), count, (uint*)values + ((long)panel * pairs * BlockQueries), pairs, width / Lanes, factors,
                    _attention.Output + asking + column, dim);
            }
        }
    }

    // A [rows, pairs], B a panel [pairs, 64] -> [rows, vectors of columns]
    private static void Product(uint* a, nint rowStride, nint pairStride, int rows, uint* b, int pairs, int vectors, float* factors, float* result, nint pitch)
    {
        for (int row = 0; row < rows; row += PairTileCode.MaxRows)
        {
            PairTileCall call;
            call.A = (uint*)((byte*)a + (row * rowStride));
            call.RowStride = rowStride;
            call.PairStride = pairStride;
            call.B = b;
            call.Pairs = pairs;
            call.Factors = factors == null ? null : factors + row;
            call.Result = result + (row * pitch);
            call.ResultStride = pitch * sizeof(float);
            PairTileCode.Compute(&call, Math.Min(PairTileCode.MaxRows, rows - row), vectors);
        }
    }

    // Sixteen columns. The pairs of weights take the scores' place, from the front.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(float* scores, int tokens, float* factors)
    {
        Vector512<float> maximum = Vector512.Load(scores);
        for (int token = 1; token < tokens; token++) maximum = Vector512.MaxNative(maximum, Vector512.Load(scores + (token * BlockQueries)));
        Vector512<float> sum = default;
        int pair = 0;
        for (; pair < tokens / 2; pair++)
        {
            float* from = scores + (pair * 2 * BlockQueries);
            Vector512<float> first = Weight(from), second = Weight(from + BlockQueries);
            Vector512.Store(Pair(first, second), (uint*)scores + (pair * BlockQueries));
        }
        if (tokens % 2 != 0) Vector512.Store(Pair(Weight(scores + (pair * 2 * BlockQueries)), default), (uint*)scores + (pair * BlockQueries));
        (Vector512<float>.One / sum).Store(factors);

        Vector512<float> Weight(float* score)
        {
            Vector512<float> weight = VectorFunctions.Exp2<FloatLanes512, Vector512<float>>(Vector512.Load(score) - maximum);
            sum += weight;
            return weight;
        }
    }

    // [tokens, w] -> panels of [pairs, 64]; beyond an odd number of tokens stands zero
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackValues(float* value, nint dim, int tokens, int w, uint* to, int pairs)
    {
        for (int column = 0; column < w; column += BlockQueries, to += (long)pairs * BlockQueries)
        {
            int vectors = Math.Min(BlockQueries, w - column) / Lanes;
            for (int pair = 0; pair < tokens / 2; pair++)
                PairRows(value + (2 * pair * dim) + column, value + (((2 * pair) + 1) * dim) + column, vectors, to + (pair * BlockQueries));
            if (tokens % 2 == 0) continue;
            float* last = value + ((tokens - 1) * dim) + column;
            for (int v = 0; v < vectors; v++) Vector512.Store(Pair(Vector512.Load(last + (v * Lanes)), default), to + ((pairs - 1) * BlockQueries) + (v * Lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PairRows(float* first, float* second, int vectors, uint* to)
    {
        for (int v = 0; v < vectors; v++) Vector512.Store(Pair(Vector512.Load(first + (v * Lanes)), Vector512.Load(second + (v * Lanes))), to + (v * Lanes));
    }

    private static void RoundRow(float* from, int count, ushort* to)
    {
        for (int i = 0; i < count; i += Lanes) Avx512F.ConvertToVector256UInt16(Rounded(Vector512.Load(from + i)) >>> 16).Store(to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Pair(Vector512<float> first, Vector512<float> second) =>
        (Rounded(first) >>> 16) | (Rounded(second) & Vector512.Create(0xFFFF0000u));

    // In the high half: to nearest, half to even. NaN stays NaN, which the carry could take from it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One);
        return Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, bits | Vector512.Create(0x00400000u));
    }
}
