using MeLo.Edge.Bundles;

namespace MeLo.Edge.Training.Data;

/// <summary>The bytes of an array's file, read forwards, with their checksum.</summary>
/// <param name="stream">The bytes.</param>
/// <param name="place">What to call the array in messages.</param>
internal sealed class NpyBytes(Stream stream, string place)
{
    private uint _crc;

    /// <summary>The next bytes.</summary>
    /// <exception cref="DatasetException">There are fewer.</exception>
    public void Fill(Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw DatasetException.Of(place, "is broken: ends too early");
        _crc = Crc32.Append(_crc, bytes);
    }

    /// <summary>Sees that nothing follows, and that all of it is what was written.</summary>
    /// <exception cref="DatasetException">Something follows, or the checksum is another.</exception>
    public void End(uint crc)
    {
        if (stream.ReadByte() >= 0) throw DatasetException.Of(place, "is broken: goes on behind the array");
        if (crc != _crc) throw DatasetException.Of(place, $"is broken: found data with CRC-32 {_crc:x8}, expected the recorded {crc:x8}");
    }
}
