namespace MeLo.Edge.Training.Tests.Phantoms;

/// <summary>Multinomial logistic regression by gradient descent: what can be told from features without any model of the picture.</summary>
internal static class LinearProbe
{
    private const int Steps = 300;
    private const double Rate = 0.3;
    private const double Decay = 1e-3;

    /// <summary>Learns from four fifths of the samples; the accuracy on the last fifth.</summary>
    public static double Accuracy(float[][] features, int[] labels, int classes)
    {
        int count = features.Length, train = count * 4 / 5, size = features[0].Length;
        Standardise(features, train);
        double[] weights = new double[classes * (size + 1)], gradient = new double[weights.Length];
        for (int step = 0; step < Steps; step++)
        {
            Array.Clear(gradient);
            for (int i = 0; i < train; i++)
            {
                double[] logits = Logits(weights, features[i], classes), exponentials = [.. logits.Select(z => Math.Exp(z - logits.Max()))];
                for (int c = 0; c < classes; c++)
                {
                    double error = ((exponentials[c] / exponentials.Sum()) - (c == labels[i] ? 1 : 0)) / train;
                    for (int k = 0; k < size; k++) gradient[(c * (size + 1)) + k] += error * features[i][k];
                    gradient[(c * (size + 1)) + size] += error;
                }
            }
            for (int k = 0; k < weights.Length; k++) weights[k] -= Rate / Math.Sqrt(size) * (gradient[k] + (Decay * weights[k]));
        }
        int right = Enumerable.Range(train, count - train).Count(i =>
        {
            double[] logits = Logits(weights, features[i], classes);
            return Array.IndexOf(logits, logits.Max()) == labels[i];
        });
        return right / (double)(count - train);
    }

    private static void Standardise(float[][] features, int train)
    {
        for (int k = 0; k < features[0].Length; k++)
        {
            double mean = features.Take(train).Average(f => f[k]);
            double deviation = Math.Sqrt(features.Take(train).Average(f => (f[k] - mean) * (f[k] - mean))) + 1e-6;
            foreach (float[] one in features) one[k] = (float)((one[k] - mean) / deviation);
        }
    }

    private static double[] Logits(double[] weights, float[] features, int classes)
    {
        double[] logits = new double[classes];
        for (int c = 0; c < classes; c++)
        {
            int row = c * (features.Length + 1);
            logits[c] = weights[row + features.Length];
            for (int k = 0; k < features.Length; k++) logits[c] += weights[row + k] * features[k];
        }
        return logits;
    }
}
