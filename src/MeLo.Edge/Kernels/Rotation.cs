using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Kernels;

/// <summary>
/// Turns blocks of 64 features into all their sums and differences (the Walsh-Hadamard transform, in natural order and without a factor): what one
/// feature had far beyond the others is spread over all of the block, so that a range of bytes holds them better. A linear whose weights are turned too,
/// and divided by 64, gives what it gave before (QuaRot, Ashkboos et al., arXiv 2404.00456).
/// </summary>
internal static unsafe class Rotation
{
    /// <summary>The features of a block. Those beyond the last whole block stay as they are.</summary>
    public const int BlockFeatures = 64;

    /// <summary>Turns a row's blocks, in place. The same bits on every machine: every result is the same tree of additions.</summary>
    /// <param name="values">The row.</param>
    /// <param name="count">Its features.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row(float* values, int count)
    {
        for (; count >= BlockFeatures; values += BlockFeatures, count -= BlockFeatures)
        {
            Vector512<float> a = Vector512.Load(values), b = Vector512.Load(values + 16), c = Vector512.Load(values + 32), d = Vector512.Load(values + 48);
            (a, b, c, d) = (a + c, b + d, a - c, b - d);
            (a, b, c, d) = (a + b, a - b, c + d, c - d);
            Within(a).Store(values);
            Within(b).Store(values + 16);
            Within(c).Store(values + 32);
            Within(d).Store(values + 48);
        }
    }

    /// <summary>Turns the rows of a linear's weights, and divides them by 64: for an input that is turned.</summary>
    /// <param name="weights">[in, out] row-major.</param>
    /// <param name="outFeatures">The columns.</param>
    public static void Weights(float[] weights, int outFeatures)
    {
        int rows = weights.Length / outFeatures;
        Parallel.For(0, rows / BlockFeatures, block =>
        {
            Span<float> values = weights.AsSpan(block * BlockFeatures * outFeatures, BlockFeatures * outFeatures);
            double[] column = new double[BlockFeatures];
            for (int o = 0; o < outFeatures; o++)
            {
                for (int i = 0; i < BlockFeatures; i++) column[i] = values[(i * outFeatures) + o];
                Block(column, 1);
                for (int i = 0; i < BlockFeatures; i++) values[(i * outFeatures) + o] = (float)(column[i] / BlockFeatures);
            }
        });
    }

    /// <summary>Of the sums of x·xᵀ over rows x, those over turned ones.</summary>
    /// <param name="plain">[n, n].</param>
    public static double[] Gram(double[] plain)
    {
        double[] gram = [.. plain];
        int n = (int)Math.Sqrt(gram.Length);
        for (int first = 0; first + BlockFeatures <= n; first += BlockFeatures)
        {
            for (int row = 0; row < n; row++) Block(gram.AsSpan((row * n) + first), 1);
            for (int column = 0; column < n; column++) Block(gram.AsSpan((first * n) + column), n);
        }
        return gram;
    }

    // A block of values that lie so far apart.
    private static void Block(Span<double> values, int pitch)
    {
        for (int distance = BlockFeatures / 2; distance > 0; distance /= 2)
        {
            for (int i = 0; i < BlockFeatures; i++)
            {
                if ((i & distance) != 0) continue;
                ref double low = ref values[i * pitch], high = ref values[(i + distance) * pitch];
                (low, high) = (low + high, low - high);
            }
        }
    }

    // The levels within a vector. .NET shuffles the widest one only where the processor does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Within(Vector512<float> x)
    {
        if (!Vector512.IsHardwareAccelerated)
        {
            Vector128<float> p = x.GetLower().GetLower(), q = x.GetLower().GetUpper(), r = x.GetUpper().GetLower(), s = x.GetUpper().GetUpper();
            (p, q, r, s) = (p + r, q + s, p - r, q - s);
            (p, q, r, s) = (p + q, p - q, r + s, r - s);
            return Vector512.Create(Vector256.Create(Within(p), Within(q)), Vector256.Create(Within(r), Within(s)));
        }
        Vector512<float> other = Vector512.Shuffle(x, Vector512.Create(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
        x = Vector512.FusedMultiplyAdd(x, Vector512.Create(1f, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1), other);
        other = Vector512.Shuffle(x, Vector512.Create(4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
        x = Vector512.FusedMultiplyAdd(x, Vector512.Create(1f, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1), other);
        other = Vector512.Shuffle(x, Vector512.Create(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
        x = Vector512.FusedMultiplyAdd(x, Vector512.Create(1f, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1), other);
        other = Vector512.Shuffle(x, Vector512.Create(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
        return Vector512.FusedMultiplyAdd(x, Vector512.Create(1f, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1), other);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Within(Vector128<float> x)
    {
        x = Vector128.Shuffle(x, Vector128.Create(2, 3, 0, 1)) + (x * Vector128.Create(1f, 1, -1, -1));
        return Vector128.Shuffle(x, Vector128.Create(1, 0, 3, 2)) + (x * Vector128.Create(1f, -1, 1, -1));
    }
}
