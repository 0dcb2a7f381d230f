using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Tests.Tensors;

/// <summary>Safetensors bytes put together from the format's text: 8 bytes of length, any header, any data.</summary>
internal static class HandMadeFile
{
    public static byte[] Of(string header, int dataLength) => Of(header, new byte[dataLength]);

    public static byte[] Of(string header, byte[] data) => Of(Encoding.UTF8.GetBytes(header), data);

    public static byte[] Of(byte[] header, byte[] data)
    {
        byte[] file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return file;
    }

    /// <summary>One entry of a header.</summary>
    public static string Entry(string name, string type, string shape, long begin, long end) =>
        $$"""
        "{{name}}":{"dtype":"{{type}}","shape":{{shape}},"data_offsets":[{{begin}},{{end}}]}
        """;
}
