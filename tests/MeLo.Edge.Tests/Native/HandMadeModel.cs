using System.Text;

namespace MeLo.Edge.Tests.Native;

/// <summary>ONNX models of one operator, encoded by hand from onnx.proto's field numbers, so that the runtime is tested without our own writer.</summary>
internal static class HandMadeModel
{
    /// <summary><c>c = op(a, b)</c> over F32 tensors of shape [rows, 2], rows open.</summary>
    public static byte[] Binary(string op) => Model(
        Message(1, [.. Text(1, "a"), .. Text(1, "b"), .. Text(2, "c"), .. Text(4, op)]), "a", "b");

    /// <summary>A chain of <paramref name="steps"/> matrix products: long enough to be cancelled half-way.</summary>
    public static byte[] Chain(int steps)
    {
        List<byte> nodes = [];
        for (int i = 0; i < steps; i++)
        {
            string input = i == 0 ? "a" : $"t{i - 1}", output = i == steps - 1 ? "c" : $"t{i}";
            nodes.AddRange(Message(1, [.. Text(1, input), .. Text(1, "b"), .. Text(2, output), .. Text(4, "MatMul")]));
        }
        return Model([.. nodes], "a", "b");
    }

    /// <summary><c>c = concatenation of a</c>, where <c>a</c> is a sequence of tensors.</summary>
    public static byte[] OverASequence()
    {
        byte[] axis = [.. Text(1, "axis"), .. Number(3, 0), .. Number(20, 2)];
        return Model(Message(1, [.. Text(1, "a"), .. Text(2, "c"), .. Text(4, "ConcatFromSequence"), .. Message(5, axis)]), Sequence("a"));
    }

    private static byte[] Model(byte[] nodes, params string[] inputs) => Model(nodes, [.. inputs.SelectMany(i => Message(11, ValueInfo(i)))]);

    private static byte[] Model(byte[] nodes, byte[] inputs)
    {
        byte[] graph = [.. nodes, .. Text(2, "g"), .. inputs, .. Message(12, ValueInfo("c"))];
        return [.. Number(1, 8), .. Message(7, graph), .. Message(8, [.. Text(1, ""), .. Number(2, 17)])];
    }

    private static byte[] Sequence(string name) => Message(11, [.. Text(1, name), .. Message(2, Message(4, Message(1, TensorType(name))))]);

    private static byte[] ValueInfo(string name) => [.. Text(1, name), .. Message(2, TensorType(name))];

    private static byte[] TensorType(string name)
    {
        byte[] shape = [.. Message(1, Text(2, "rows")), .. Message(1, name == "b" ? Text(2, "columns") : Text(2, "width"))];
        byte[] tensorType = [.. Number(1, 1), .. Message(2, shape)];
        return Message(1, tensorType);
    }

    private static byte[] Text(int field, string value) => Message(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Message(int field, byte[] content) => [.. Varint(((ulong)field << 3) | 2), .. Varint((ulong)content.Length), .. content];

    private static byte[] Number(int field, ulong value) => [.. Varint((ulong)field << 3), .. Varint(value)];

    private static byte[] Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return [.. bytes];
    }
}
