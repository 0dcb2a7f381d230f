using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Models;

/// <summary>
/// Rounding that makes up for its own errors: the weights are rounded row by row, and what a row's rounding does to the linear's output on
/// typical inputs is taken off the rows still to come, as far as their inputs go together (GPTQ, Frantar et al., arXiv 2210.17323, within blocks of
/// features, the rows with the largest inputs first: what weighs most is rounded while the most can still make up for it).
/// </summary>
internal static unsafe class CompensatedRounding
{
    /// <summary>What is added to the diagonal, by its mean: so much stays of plain rounding that few or peculiar pictures mislead nothing.</summary>
    private const double Damping = 0.01;

    /// <summary>Columns rounded together: with a block's rows they stay in the second-level cache.</summary>
    private const int Columns = 64;

    /// <summary>
    /// Replaces weights by multiples of their scales; <see cref="QuantizedMerge"/> then finds the same scales and these very multiples.
    /// </summary>
    /// <param name="weights">[in, out] row-major.</param>
    /// <param name="outFeatures">The columns.</param>
    /// <param name="grams">The input's blocks, as <see cref="InputGrams"/> has them.</param>
    public static void Round(float[] weights, int outFeatures, IReadOnlyList<double[]> grams)
    {
        int rows = weights.Length / outFeatures;
        float[] largest = Largest(weights, rows, outFeatures), scales = new float[largest.Length], inverses = new float[largest.Length];
        for (int i = 0; i < largest.Length; i++) scales[i] = QuantizedMerge.Scale(largest[i], out inverses[i]);
        for (int block = 0, first = 0; block < grams.Count; block++)
        {
            int count = Math.Min(InputGrams.BlockFeatures, rows - first);
            int[] order = Order(grams[block], count), rowsInOrder = [.. order.Select(i => first + i)];
            float[] factors = Factors(Ordered(grams[block], order), count);
            Parallel.For(0, (outFeatures + Columns - 1) / Columns, chunk =>
                RoundColumns(weights, outFeatures, rowsInOrder, chunk * Columns, Math.Min(Columns, outFeatures - (chunk * Columns)), largest, scales, inverses, factors));
            first += count;
        }
    }

    // The largest magnitude of every column and group of rows that share a scale: [groups, out].
    private static float[] Largest(float[] weights, int rows, int outFeatures)
    {
        float[] largest = new float[PackedMatrix.GroupsOf(rows) * outFeatures];
        for (int i = 0; i < rows; i++)
        {
            Span<float> group = largest.AsSpan(i / PackedMatrix.GroupRows * outFeatures, outFeatures);
            TensorPrimitives.MaxMagnitude(group, weights.AsSpan(i * outFeatures, outFeatures), group);
        }
        for (int i = 0; i < largest.Length; i++) largest[i] = MathF.Abs(largest[i]);
        return largest;
    }

    private static int[] Order(double[] gram, int n) => [.. Enumerable.Range(0, n).OrderByDescending(i => gram[(i * n) + i])];

    private static double[] Ordered(double[] gram, int[] order)
    {
        int n = order.Length;
        double[] ordered = new double[n * n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) ordered[(i * n) + j] = gram[(order[i] * n) + order[j]];
        return ordered;
    }

    // factors: row i of the upper Cholesky factor of the inverse, over its own diagonal element.
    private static void RoundColumns(float[] weights, int pitch, int[] rows, int column, int width, float[] largest, float[] scales, float[] inverses, float[] factors)
    {
        int count = rows.Length;
        float[] block = new float[count * Columns];
        float[] error = new float[Columns];
        for (int i = 0; i < count; i++) weights.AsSpan((rows[i] * pitch) + column, width).CopyTo(block.AsSpan(i * Columns));
        for (int i = 0; i < count; i++)
        {
            Span<float> row = block.AsSpan(i * Columns, Columns), to = weights.AsSpan((rows[i] * pitch) + column, width);
            int group = (rows[i] / PackedMatrix.GroupRows * pitch) + column;
            ReadOnlySpan<float> magnitudes = largest.AsSpan(group, width), scale = scales.AsSpan(group, width), inverse = inverses.AsSpan(group, width);
            for (int c = 0; c < width; c++)
            {
                if (inverse[c] == 0)
                {
                    error[c] = 0; // all zeros, or not all finite: left as they are
                    continue;
                }
                // At most 127 steps, so that the scale stays what it is; and the largest weight itself is one.
                float rounded = Math.Clamp(MathF.Round(row[c] * inverse[c], MidpointRounding.ToEven), -QuantizedMerge.Largest, QuantizedMerge.Largest);
                if (MathF.Abs(to[c]) == magnitudes[c]) rounded = MathF.CopySign(QuantizedMerge.Largest, to[c]);
                float value = MathF.Abs(rounded) == QuantizedMerge.Largest ? MathF.CopySign(magnitudes[c], rounded) : rounded * scale[c];
                error[c] = row[c] - value;
                to[c] = value;
            }
            Spread(block, error, factors.AsSpan(i * count, count), i + 1, count);
        }
    }

    private static void Spread(float[] block, float[] error, ReadOnlySpan<float> factors, int from, int count)
    {
        fixed (float* b = block)
        fixed (float* e = error)
        {
            Vector512<float> e0 = Vector512.Load(e), e1 = Vector512.Load(e + 16), e2 = Vector512.Load(e + 32), e3 = Vector512.Load(e + 48);
            for (int j = from; j < count; j++)
            {
                float* row = b + (j * Columns);
                Vector512<float> factor = Vector512.Create(-factors[j]);
                Vector512.FusedMultiplyAdd(e0, factor, Vector512.Load(row)).Store(row);
                Vector512.FusedMultiplyAdd(e1, factor, Vector512.Load(row + 16)).Store(row + 16);
                Vector512.FusedMultiplyAdd(e2, factor, Vector512.Load(row + 32)).Store(row + 32);
                Vector512.FusedMultiplyAdd(e3, factor, Vector512.Load(row + 48)).Store(row + 48);
            }
        }
    }

    /// <summary>U[i, j] / U[i, i] of the upper triangular U with UᵀU = G⁻¹, G the damped gram: what an error of row i costs row j.</summary>
    internal static float[] Factors(double[] gram, int n)
    {
        double[] a = (double[])gram.Clone();
        double mean = 0;
        for (int i = 0; i < n; i++) mean += a[(i * n) + i] / n;
        double damping = mean > 0 ? Damping * mean : 1; // inputs that are always zero: plain rounding
        for (int i = 0; i < n; i++) a[(i * n) + i] += damping;

        // G = R·Rᵀ with R upper triangular (Cholesky from the last row up), so that U = R⁻¹, upper triangular too, has UᵀU = G⁻¹.
        double[] r = new double[n * n]; // row j of r is column j of R, so that both inner loops run along memory
        for (int j = n - 1; j >= 0; j--)
        {
            Span<double> column = r.AsSpan(j * n, n);
            for (int i = j; i >= 0; i--) column[i] = a[(i * n) + j];
            for (int k = j + 1; k < n; k++)
            {
                // column_j -= R[j, k] · column_k over rows 0..j
                double factor = r[(k * n) + j];
                TensorPrimitives.MultiplyAdd(r.AsSpan(k * n, j + 1), -factor, column[..(j + 1)], column[..(j + 1)]);
            }
            double pivot = Math.Sqrt(column[j]);
            TensorPrimitives.Divide(column[..(j + 1)], pivot, column[..(j + 1)]);
        }

        // U·R = I, column by column of R: rows of U by back substitution from the diagonal on.
        double[] u = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            Span<double> row = u.AsSpan(i * n, n);
            row[i] = 1 / r[(i * n) + i];
            for (int j = i + 1; j < n; j++)
                row[j] = -TensorPrimitives.Dot<double>(row[i..j], r.AsSpan((j * n) + i, j - i)) / r[(j * n) + j];
        }
        float[] factors = new float[n * n];
        for (int i = 0; i < n; i++)
            for (int j = i; j < n; j++) factors[(i * n) + j] = (float)(u[(i * n) + j] / u[(i * n) + i]);
        return factors;
    }
}
