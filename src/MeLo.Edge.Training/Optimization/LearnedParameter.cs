using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Training.Optimization;

/// <summary>A tensor that learns: its values, the gradient of the last step, and what the optimiser remembers of earlier ones. All are row-major.</summary>
internal sealed class LearnedParameter
{
    /// <param name="parameter">The graph's input.</param>
    /// <param name="values">Its first values, which become the parameter's own.</param>
    /// <exception cref="ArgumentException">The values are not as many as the shape says.</exception>
    public LearnedParameter(Parameter parameter, float[] values)
    {
        if (values.Length != parameter.ElementCount)
            throw new ArgumentException($"'{parameter.Name}': found {values.Length} values, expected [{string.Join(',', parameter.Shape)}].", nameof(values));
        Name = parameter.Name;
        GradientName = parameter.GradientName;
        Shape = parameter.Shape;
        Values = values;
        Gradient = new float[values.Length];
        FirstMoment = new float[values.Length];
        SecondMoment = new float[values.Length];
    }

    public string Name { get; }

    /// <summary>The name of the graph's output for the gradient.</summary>
    public string GradientName { get; }

    public IReadOnlyList<long> Shape { get; }

    public float[] Values { get; }

    public float[] Gradient { get; }

    /// <summary>The moving average of the gradient.</summary>
    public float[] FirstMoment { get; }

    /// <summary>The moving average of the gradient's square.</summary>
    public float[] SecondMoment { get; }

    /// <summary>Whether weight decay applies: to matrices, not to biases, gains and single tokens, whose size says nothing about how complicated the model is.</summary>
    public bool Decays => Shape.Count(size => size > 1) > 1;
}
