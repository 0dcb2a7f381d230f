namespace MeLo.Edge.Training.Steps;

/// <summary>A value for one run.</summary>
/// <param name="Name">The graph's input.</param>
/// <param name="Values">Row-major; there may be more of them than the shape says.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
internal readonly record struct GraphInput(string Name, float[] Values, long[] Shape);
