namespace MeLo.Edge.Tests.Models;

/// <summary>The measure of the golden files: largest |ours - reference| over max(1, largest |reference|).</summary>
internal static class Closeness
{
    public const double Tolerance = 1e-4;

    public static void AssertWithin(double tolerance, ReadOnlySpan<float> reference, ReadOnlySpan<float> ours)
    {
        double difference = Difference(reference, ours);
        Assert.True(difference <= tolerance, $"differs by {difference:E2}, expected at most {tolerance:E0}");
        TestContext.Current.TestOutputHelper?.WriteLine($"differs by {difference:E2}");
    }

    public static double Difference(ReadOnlySpan<float> reference, ReadOnlySpan<float> ours)
    {
        Assert.Equal(reference.Length, ours.Length);
        double difference = 0, largest = 1;
        for (int i = 0; i < reference.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)ours[i] - reference[i]));
            largest = Math.Max(largest, Math.Abs(reference[i]));
            if (float.IsNaN(ours[i])) return double.NaN;
        }
        return difference / largest;
    }

    /// <summary>The root mean square of what differs, over that of the reference.</summary>
    public static double RootMeanSquare(ReadOnlySpan<float> reference, ReadOnlySpan<float> ours)
    {
        double differences = 0, squares = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            differences += Math.Pow((double)ours[i] - reference[i], 2);
            squares += Math.Pow(reference[i], 2);
        }
        return Math.Sqrt(differences / squares);
    }
}
