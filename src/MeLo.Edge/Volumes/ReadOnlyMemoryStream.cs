using System.Runtime.InteropServices;

namespace MeLo.Edge.Volumes;

/// <summary>Memory as a stream that can only be read: without a copy where it is an array, as files are.</summary>
internal sealed class ReadOnlyMemoryStream : MemoryStream
{
    public ReadOnlyMemoryStream(ReadOnlyMemory<byte> memory)
        : this(MemoryMarshal.TryGetArray(memory, out ArraySegment<byte> segment) ? segment : new ArraySegment<byte>(memory.ToArray()))
    {
    }

    private ReadOnlyMemoryStream(ArraySegment<byte> segment)
        : base(segment.Array!, segment.Offset, segment.Count, writable: false)
    {
    }
}
