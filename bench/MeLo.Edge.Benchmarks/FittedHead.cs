using MeLo.Edge.Adapters;

namespace MeLo.Edge.Benchmarks;

/// <summary>A head fitted to features by ridge regression on the labels: the same each time, and solved at once.</summary>
internal static class FittedHead
{
    // Relative to the features' mean square: enough that a few hundred pictures do not overfit two hundred features.
    private const double Ridge = 0.1;

    /// <param name="features">One row a picture.</param>
    /// <param name="pictures">The labels, and which to learn from.</param>
    public static TaskHead Fit(float[][] features, LabelledPictures pictures)
    {
        int dim = features[0].Length, n = dim + 1;
        double[,] gram = new double[n, n];
        double[,] target = new double[n, pictures.Classes];
        int count = 0;
        for (int p = 0; p < features.Length; p++)
        {
            if (!pictures.IsTraining[p]) continue;
            count++;
            double[] x = [.. features[p].Select(f => (double)f), 1];
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j <= i; j++) gram[i, j] += x[i] * x[j];
                target[i, pictures.Labels[p]] += x[i];
            }
        }
        double square = Enumerable.Range(0, dim).Average(i => gram[i, i]);
        for (int i = 0; i < dim; i++) gram[i, i] += Ridge * square;
        gram[dim, dim] += 1e-6 * count;
        Solve(gram, target, n, pictures.Classes);
        float[] weight = new float[pictures.Classes * dim], bias = new float[pictures.Classes];
        for (int c = 0; c < pictures.Classes; c++)
        {
            for (int i = 0; i < dim; i++) weight[(c * dim) + i] = (float)target[i, c];
            bias[c] = (float)target[dim, c];
        }
        return new TaskHead(pictures.Classes, dim, weight, bias);
    }

    // Cholesky's decomposition of the lower triangle, then both substitutions in place.
    private static void Solve(double[,] a, double[,] b, int n, int columns)
    {
        for (int j = 0; j < n; j++)
        {
            for (int k = 0; k < j; k++) a[j, j] -= a[j, k] * a[j, k];
            a[j, j] = Math.Sqrt(a[j, j]);
            for (int i = j + 1; i < n; i++)
            {
                for (int k = 0; k < j; k++) a[i, j] -= a[i, k] * a[j, k];
                a[i, j] /= a[j, j];
            }
        }
        for (int c = 0; c < columns; c++)
        {
            for (int i = 0; i < n; i++)
            {
                for (int k = 0; k < i; k++) b[i, c] -= a[i, k] * b[k, c];
                b[i, c] /= a[i, i];
            }
            for (int i = n - 1; i >= 0; i--)
            {
                for (int k = i + 1; k < n; k++) b[i, c] -= a[k, i] * b[k, c];
                b[i, c] /= a[i, i];
            }
        }
    }
}
