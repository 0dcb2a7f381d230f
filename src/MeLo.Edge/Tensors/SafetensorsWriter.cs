using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MeLo.Edge.Tensors;

/// <summary>A tensor to be written: its description, and a function that writes its row-major little-endian bytes when its turn comes.</summary>
/// <param name="Name">The tensor's name; unique in the file.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
/// <param name="Write">Writes exactly the tensor's bytes to the stream.</param>
public sealed record TensorSource(string Name, ElementType Type, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    /// <summary>The length of the data in bytes.</summary>
    public long ByteLength => Shape.Aggregate((long)Type.Size(), (product, dimension) => checked(product * dimension));

    /// <summary>An F32 tensor whose values are in memory.</summary>
    /// <exception cref="ArgumentException">The number of values is not the product of the shape.</exception>
    public static TensorSource FromSingles(string name, IReadOnlyList<long> shape, ReadOnlyMemory<float> values)
    {
        TensorSource source = new(name, ElementType.F32, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));
        if (source.ByteLength != values.Length * (long)sizeof(float))
            throw new ArgumentException($"Tensor '{name}' of shape [{string.Join(',', shape)}] cannot hold {values.Length} values.", nameof(values));
        return source;
    }
}

/// <summary>
/// Writes safetensors files, one tensor at a time, so that a model larger than memory can be written. The data starts at a multiple
/// of 64 bytes, and tensors follow each other in the order given, without gaps, as the format demands.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 64;

    // Tensor names are shown to people; "+" or "<" need no escape in a file that is not HTML.
    private static readonly JsonWriterOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a whole file to <paramref name="stream"/>.</summary>
    /// <exception cref="ArgumentException">Two tensors have one name.</exception>
    /// <exception cref="InvalidOperationException">A tensor wrote another number of bytes than its shape says.</exception>
    public static void Write(Stream stream, IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        byte[] header = Header(tensors, metadata);
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (TensorSource tensor in tensors)
        {
            CountingStream counted = new(stream);
            tensor.Write(counted);
            if (counted.Count != tensor.ByteLength)
                throw new InvalidOperationException($"Tensor '{tensor.Name}' wrote {counted.Count} bytes, expected {tensor.ByteLength}.");
        }
    }

    /// <summary>A whole file in memory. See <see cref="Write(Stream, IReadOnlyList{TensorSource}, IReadOnlyDictionary{string, string})"/>.</summary>
    public static byte[] ToBytes(IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using MemoryStream stream = new();
        Write(stream, tensors, metadata);
        return stream.ToArray();
    }

    private static byte[] Header(IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_json))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            HashSet<string> names = new(StringComparer.Ordinal);
            long offset = 0;
            foreach (TensorSource tensor in tensors)
            {
                if (!names.Add(tensor.Name)) throw new ArgumentException($"Two tensors are named '{tensor.Name}'.", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.HeaderName());
                json.WriteStartArray("shape");
                foreach (long dimension in tensor.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset += tensor.ByteLength;
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // The format pads with spaces.
        while ((buffer.Length + SafetensorsHeader.PrefixLength) % Alignment != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private sealed class CountingStream(Stream inner) : Stream
    {
        public long Count { get; private set; }
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => Count; set => throw new NotSupportedException(); }
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            inner.Write(buffer);
            Count += buffer.Length;
        }
    }
}
