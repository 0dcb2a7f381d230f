using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Tests.Gradients;

/// <summary>Gradients against what they are the limit of.</summary>
internal static class GradientAssert
{
    // The error of a central difference is of the order of its step squared, and of the precision over the step: least where both meet.
    private const double Step = 1e-5;

    /// <summary>A graph's gradients against central differences of its loss, both in double precision.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="loss">The loss's name.</param>
    /// <param name="inputs">Where.</param>
    /// <param name="gradients">The name of each input that is differentiated by, and that of its gradient.</param>
    /// <param name="most">How many elements of an input are looked at.</param>
    /// <param name="constants">The graph's constants that it does not carry itself.</param>
    public static void AreTheLimitsOfDifferences(
        GraphBuilder graph, string loss, Dictionary<string, DoubleTensor> inputs, IEnumerable<(string Input, string Gradient)> gradients, int most = int.MaxValue, SafetensorsFile? constants = null)
    {
        DoubleGraph twin = new(graph, constants);
        Dictionary<string, DoubleTensor> values = twin.Run(inputs);
        foreach ((string input, string gradient) in gradients)
        {
            DoubleTensor at = inputs[input];
            Assert.Equal(at.Shape, values[gradient].Shape);
            double largest = values[gradient].Values.Max(Math.Abs);
            int stride = Math.Max(1, at.Values.Length / most);
            for (int i = 0; i < at.Values.Length; i += stride)
            {
                double difference = (Loss(i, Step) - Loss(i, -Step)) / (2 * Step), found = values[gradient].Values[i];
                // The graph's own constants have single precision.
                Assert.True(Math.Abs(difference - found) <= 1e-6 * Math.Max(1e-2, largest), $"{gradient}[{i}]: found {found}, the difference is {difference}, the largest gradient {largest}");
            }
            Assert.True(largest > 0, $"{gradient} is zero everywhere");

            double Loss(int element, double step)
            {
                double[] moved = [.. at.Values];
                moved[element] += step;
                return twin.Run(new Dictionary<string, DoubleTensor>(inputs) { [input] = at with { Values = moved } })[loss].Values.Single();
            }
        }
    }

    /// <summary>The outputs of the real runtime, in single precision, against the twin's.</summary>
    public static void TheRuntimeAgrees(GraphBuilder graph, Dictionary<string, DoubleTensor> inputs, double tolerance = 1e-5, string? folder = null, SafetensorsFile? constants = null, Func<string, bool>? except = null)
    {
        // What the runtime is given has single precision.
        Dictionary<string, DoubleTensor> rounded = inputs.ToDictionary(i => i.Key, i => i.Value.Map(v => (float)v));
        Dictionary<string, DoubleTensor> expected = new DoubleGraph(graph, constants).Run(rounded);
        using RuntimeGraph runtime = new(graph, folder);
        Dictionary<string, float[]> found = runtime.Run(rounded);
        foreach (GraphValue output in graph.Outputs.Where(o => except?.Invoke(o.Name) != true)) AreClose(output.Name, expected[output.Name].Values, found[output.Name], tolerance);
    }

    /// <summary>Relative in the Euclidean norm, and every element relative to the largest.</summary>
    public static void AreClose(string name, IReadOnlyList<double> expected, IReadOnlyList<float> found, double tolerance)
    {
        Assert.Equal(expected.Count, found.Count);
        double[] differences = [.. expected.Zip(found, (e, f) => Math.Abs(e - f))];
        double norm = Math.Sqrt(expected.Sum(e => e * e)), largest = expected.Max(Math.Abs);
        double relative = Math.Sqrt(differences.Sum(d => d * d)) / norm, elementwise = differences.Max() / largest;
        Assert.True(relative <= tolerance && elementwise <= tolerance, $"{name}: differs by {relative:E2} in norm and {elementwise:E2} of the largest, expected at most {tolerance:E0}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {relative:E1} {elementwise:E1}");
    }
}
