using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Onnx;

/// <summary>
/// Writes one protobuf message: the wire format's varint, 32-bit and length-delimited fields, which is all that ONNX uses.
/// Source: protobuf.dev, "Encoding".
/// </summary>
internal sealed class ProtobufWriter
{
    // The low three bits of a field's key say how its value is laid out.
    private const int VarintWire = 0;
    private const int LengthDelimitedWire = 2;
    private const int Fixed32Wire = 5;

    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public void Int64(int field, long value)
    {
        Key(field, VarintWire);
        Varint((ulong)value);
    }

    public void Single(int field, float value)
    {
        Key(field, Fixed32Wire);
        BinaryPrimitives.WriteSingleLittleEndian(_buffer.GetSpan(sizeof(float)), value);
        _buffer.Advance(sizeof(float));
    }

    public void String(int field, string value)
    {
        Key(field, LengthDelimitedWire);
        int length = Encoding.UTF8.GetByteCount(value);
        Varint((ulong)length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Key(field, LengthDelimitedWire);
        Varint((ulong)value.Length);
        _buffer.Write(value);
    }

    /// <summary>A nested message; written aside first, because its length precedes it.</summary>
    public void Message(int field, Action<ProtobufWriter> write)
    {
        ProtobufWriter nested = new();
        write(nested);
        Bytes(field, nested.Written);
    }

    private void Key(int field, int wire) => Varint((ulong)((field << 3) | wire));

    private void Varint(ulong value)
    {
        const int MaxLength = 10;
        Span<byte> span = _buffer.GetSpan(MaxLength);
        int length = 0;
        for (; value > 0x7F; value >>= 7) span[length++] = (byte)(value | 0x80);
        span[length++] = (byte)value;
        _buffer.Advance(length);
    }
}
