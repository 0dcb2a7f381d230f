using MeLo.Edge.Tensors;

namespace MeLo.Edge.Onnx;

/// <summary>
/// Writes a <see cref="GraphBuilder"/> as an ONNX <c>ModelProto</c>. The bytes depend on the graph alone.
/// Source of the field numbers: onnx/onnx.proto, IR version 9.
/// </summary>
internal static class OnnxWriter
{
    /// <summary>The IR version that goes with operator set 20 (onnx/docs/Versioning.md).</summary>
    private const int IrVersion = 9;

    public static byte[] ToBytes(GraphBuilder graph)
    {
        if (graph.Outputs.Count == 0) throw new ArgumentException($"Graph '{graph.Name}' has no output.", nameof(graph));
        ProtobufWriter model = new();
        model.Int64(ModelField.IrVersion, IrVersion);
        model.String(ModelField.ProducerName, "MeLo Edge");
        model.Message(ModelField.Graph, m => Graph(m, graph));
        foreach ((string domain, int version) in graph.OperatorSets)
            model.Message(ModelField.OpsetImport, m =>
            {
                m.String(OperatorSetField.Domain, domain);
                m.Int64(OperatorSetField.Version, version);
            });
        foreach ((string key, string value) in graph.Metadata)
            model.Message(ModelField.MetadataProps, m => StringPair(m, key, value));
        return model.Written.ToArray();
    }

    public static void Write(GraphBuilder graph, string path) => File.WriteAllBytes(path, ToBytes(graph));

    private static void Graph(ProtobufWriter m, GraphBuilder graph)
    {
        foreach (GraphNode node in graph.Nodes) m.Message(GraphField.Node, n => Node(n, node));
        m.String(GraphField.Name, graph.Name);
        foreach (GraphValue initializer in graph.Initializers) m.Message(GraphField.Initializer, t => Tensor(t, initializer));
        foreach (GraphValue input in graph.Inputs) m.Message(GraphField.Input, v => ValueInfo(v, input));
        foreach (GraphValue output in graph.Outputs) m.Message(GraphField.Output, v => ValueInfo(v, output));
        foreach (GraphValue value in graph.Nodes.SelectMany(n => n.Outputs).Except(graph.Outputs))
            m.Message(GraphField.ValueInfo, v => ValueInfo(v, value));
    }

    private static void Node(ProtobufWriter m, GraphNode node)
    {
        foreach (GraphValue? input in node.Inputs) m.String(NodeField.Input, input?.Name ?? "");
        foreach (GraphValue output in node.Outputs) m.String(NodeField.Output, output.Name);
        m.String(NodeField.Name, node.Name);
        m.String(NodeField.OpType, node.OperatorType);
        foreach (NodeAttribute attribute in node.Attributes) m.Message(NodeField.Attribute, a => Attribute(a, attribute));
        if (node.Domain.Length > 0) m.String(NodeField.Domain, node.Domain);
    }

    private static void Attribute(ProtobufWriter m, NodeAttribute attribute)
    {
        m.String(AttributeField.Name, attribute.Name);
        switch (attribute)
        {
            case NodeAttribute.Float(_, float value):
                m.Single(AttributeField.F, value);
                m.Int64(AttributeField.Type, AttributeType.Float);
                break;
            case NodeAttribute.Int(_, long value):
                m.Int64(AttributeField.I, value);
                m.Int64(AttributeField.Type, AttributeType.Int);
                break;
            case NodeAttribute.Text(_, string value):
                m.String(AttributeField.S, value);
                m.Int64(AttributeField.Type, AttributeType.String);
                break;
            case NodeAttribute.Floats(_, IReadOnlyList<float> values):
                foreach (float value in values) m.Single(AttributeField.Floats, value);
                m.Int64(AttributeField.Type, AttributeType.Floats);
                break;
            case NodeAttribute.Ints(_, IReadOnlyList<long> values):
                foreach (long value in values) m.Int64(AttributeField.Ints, value);
                m.Int64(AttributeField.Type, AttributeType.Ints);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(attribute), attribute, "Not a kind of attribute that this writer knows.");
        }
    }

    private static void Tensor(ProtobufWriter m, GraphValue initializer)
    {
        foreach (Dimension dimension in initializer.Shape) m.Int64(TensorField.Dims, dimension.Size);
        m.Int64(TensorField.DataType, initializer.Type.OnnxDataType());
        m.String(TensorField.Name, initializer.Name);
        switch (initializer.Initializer)
        {
            case InitializerData.Inline inline:
                m.Bytes(TensorField.RawData, inline.Bytes.Span);
                break;
            case InitializerData.External external:
                m.Message(TensorField.ExternalData, p => StringPair(p, "location", external.Location));
                m.Message(TensorField.ExternalData, p => StringPair(p, "offset", Invariant(external.Offset)));
                m.Message(TensorField.ExternalData, p => StringPair(p, "length", Invariant(external.Length)));
                m.Int64(TensorField.DataLocation, ExternalDataLocation);
                break;
        }
    }

    private static void ValueInfo(ProtobufWriter m, GraphValue value)
    {
        m.String(ValueInfoField.Name, value.Name);
        m.Message(ValueInfoField.Type, type => type.Message(TypeField.Tensor, tensor =>
        {
            tensor.Int64(TensorTypeField.ElementType, value.Type.OnnxDataType());
            tensor.Message(TensorTypeField.Shape, shape =>
            {
                foreach (Dimension dimension in value.Shape)
                    shape.Message(ShapeField.Dim, d =>
                    {
                        if (dimension.IsSymbolic) d.String(DimensionField.Param, dimension.Name!);
                        else d.Int64(DimensionField.Value, dimension.Size);
                    });
            });
        }));
    }

    private static void StringPair(ProtobufWriter m, string key, string value)
    {
        m.String(StringPairField.Key, key);
        m.String(StringPairField.Value, value);
    }

    private static string Invariant(long value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    // TensorProto.DataLocation.EXTERNAL
    private const int ExternalDataLocation = 1;

    private static class ModelField { public const int IrVersion = 1, ProducerName = 2, Graph = 7, OpsetImport = 8, MetadataProps = 14; }

    private static class OperatorSetField { public const int Domain = 1, Version = 2; }

    private static class GraphField { public const int Node = 1, Name = 2, Initializer = 5, Input = 11, Output = 12, ValueInfo = 13; }

    private static class NodeField { public const int Input = 1, Output = 2, Name = 3, OpType = 4, Attribute = 5, Domain = 7; }

    private static class AttributeField { public const int Name = 1, F = 2, I = 3, S = 4, Floats = 7, Ints = 8, Type = 20; }

    private static class AttributeType { public const int Float = 1, Int = 2, String = 3, Floats = 6, Ints = 7; }

    private static class TensorField { public const int Dims = 1, DataType = 2, Name = 8, RawData = 9, ExternalData = 13, DataLocation = 14; }

    private static class ValueInfoField { public const int Name = 1, Type = 2; }

    private static class TypeField { public const int Tensor = 1; }

    private static class TensorTypeField { public const int ElementType = 1, Shape = 2; }

    private static class ShapeField { public const int Dim = 1; }

    private static class DimensionField { public const int Value = 1, Param = 2; }

    private static class StringPairField { public const int Key = 1, Value = 2; }
}
