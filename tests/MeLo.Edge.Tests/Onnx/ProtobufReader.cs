using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Tests.Onnx;

/// <summary>A protobuf message taken apart by the wire format alone: field numbers and raw values, in order.</summary>
internal sealed class ProtobufReader
{
    private readonly List<(int Field, object Value)> _fields = [];

    public ProtobufReader(ReadOnlySpan<byte> message)
    {
        while (!message.IsEmpty)
        {
            ulong key = Varint(ref message);
            object value;
            switch (key & 7)
            {
                case 0:
                    value = (long)Varint(ref message);
                    break;
                case 2:
                    int length = (int)Varint(ref message);
                    value = message[..length].ToArray();
                    message = message[length..];
                    break;
                case 5:
                    value = BinaryPrimitives.ReadSingleLittleEndian(message);
                    message = message[4..];
                    break;
                default:
                    throw new InvalidDataException($"wire type {key & 7}");
            }
            _fields.Add(((int)(key >> 3), value));
        }
    }

    public IEnumerable<ProtobufReader> Messages(int field) => Values<byte[]>(field).Select(b => new ProtobufReader(b));

    public ProtobufReader Message(int field) => Messages(field).Single();

    public IEnumerable<string> Texts(int field) => Values<byte[]>(field).Select(Encoding.UTF8.GetString);

    public string Text(int field) => Texts(field).SingleOrDefault() ?? "";

    public long Number(int field) => Values<long>(field).Single();

    public IEnumerable<T> Values<T>(int field) => _fields.Where(f => f.Field == field).Select(f => (T)f.Value);

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; ; i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] >= 0x80) continue;
            bytes = bytes[(i + 1)..];
            return value;
        }
    }
}
