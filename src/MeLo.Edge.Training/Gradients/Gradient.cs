using MeLo.Edge.Onnx;

namespace MeLo.Edge.Training.Gradients;

/// <summary>
/// Reverse-mode differentiation of a graph: it gets the nodes that compute the gradients, in ordinary ONNX operators, so that whatever runs the graph runs them.
/// Source: Griewank and Walther, Evaluating Derivatives, chapter 3.
/// </summary>
internal static class Gradient
{
    /// <summary>
    /// Adds the nodes that compute a loss's gradients. Only what lies on a path from a value to the loss is gone back through: what is constant costs nothing, and of
    /// the forward part only what a gradient reads stays in memory until then.
    /// </summary>
    /// <param name="graph">The graph.</param>
    /// <param name="loss">A value of one element.</param>
    /// <param name="values">What to differentiate by: inputs, mostly.</param>
    /// <returns>A gradient for each of the values, in its shape, named for it: <c>head.bias.gradient</c>.</returns>
    /// <exception cref="ArgumentException">The loss has more than one element, or does not depend on one of the values.</exception>
    /// <exception cref="NotSupportedException">An operator on the way has no rule (<see cref="GradientRules"/>).</exception>
    public static IReadOnlyList<GraphValue> Of(GraphBuilder graph, GraphValue loss, IReadOnlyList<GraphValue> values)
    {
        if (loss.Shape.Any(d => d != (Dimension)1)) throw new ArgumentException($"Found the loss {loss}, expected one number.", nameof(loss));
        GraphNode[] forward = [.. graph.Nodes];
        BackwardPass pass = new(graph, OnPath(forward, loss, values));
        pass.Begin(loss);
        foreach (GraphNode node in forward.Reverse())
            if (node.Outputs.Any(pass.HasGradient) && node.Inputs.Any(pass.Wants)) pass.GoThrough(node);
        pass.End(values);
        return [.. values.Select(v => pass.HasGradient(v) ? pass[v] : throw new ArgumentException($"The loss '{loss.Name}' does not depend on '{v.Name}'.", nameof(values)))];
    }

    // What depends on one of the values, and the loss on it.
    private static HashSet<GraphValue> OnPath(GraphNode[] forward, GraphValue loss, IReadOnlyList<GraphValue> values)
    {
        HashSet<GraphValue> dependent = [.. values], path = [loss];
        foreach (GraphNode node in forward)
            if (node.Inputs.Any(i => i is not null && dependent.Contains(i))) dependent.UnionWith(node.Outputs);
        foreach (GraphNode node in forward.Reverse())
            if (node.Outputs.Any(path.Contains)) path.UnionWith(node.Inputs.Where(i => i is not null && dependent.Contains(i))!);
        path.IntersectWith(dependent);
        return path;
    }
}
