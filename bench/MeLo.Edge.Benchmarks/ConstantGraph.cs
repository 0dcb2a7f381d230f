using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The resident graph with a task's weights as constants in place of inputs: the model that a user without adapters deploys, one a task. What no task
/// changes stays in the base's files.
/// </summary>
internal static class ConstantGraph
{
    /// <summary>Copies a base's graph.</summary>
    /// <param name="resident">The graph.</param>
    /// <param name="package">The base.</param>
    /// <param name="head">The task's head.</param>
    /// <param name="adapter">The task's adapter, merged into the weights; null for the pristine ones.</param>
    public static GraphBuilder From(GraphBuilder resident, BasePackage package, TaskHead head, LoraAdapter? adapter)
    {
        Dictionary<string, (float[] Values, long[] Shape)> constants = [];
        foreach (LinearId id in package.AdaptableLinears)
        {
            (int input, int output) = package.Architecture.LinearShape(id.Linear);
            float[] values = package.Weights[CanonicalWeights.LinearWeight(id)].ToSingles();
            if (adapter?.Pairs.FirstOrDefault(p => p.Target == id) is { } pair)
            {
                float[] merged = new float[values.Length];
                LoraMerge.Merge(values, merged, pair, adapter!.Scale);
                values = merged;
            }
            constants.Add(CanonicalWeights.LinearWeight(id), (values, [input, output]));
        }
        constants.Add(VitGraph.HeadWeight, (head.Transposed, [head.Dim, head.Classes]));
        constants.Add(VitGraph.HeadBias, (head.Bias, [head.Classes]));

        GraphBuilder graph = GraphCopy.Begin(resident, constants.Keys.ToHashSet());
        foreach ((string name, (float[] values, long[] shape)) in constants)
        {
            ElementType type = resident[name].Type;
            graph.Initializer(name, type, shape, new InitializerData.Inline(Bytes(values, type)));
        }
        foreach (GraphNode node in resident.Nodes) GraphCopy.Add(graph, node, [.. node.Inputs.Select(i => i is null ? null : graph[i.Name])]);
        return GraphCopy.End(graph, resident);
    }

    private static byte[] Bytes(float[] values, ElementType type)
    {
        if (type == ElementType.F32) return MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        Half[] rounded = new Half[values.Length];
        TensorPrimitives.ConvertToHalf(values, rounded);
        return MemoryMarshal.AsBytes(rounded.AsSpan()).ToArray();
    }
}
