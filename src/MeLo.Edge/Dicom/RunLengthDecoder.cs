using System.Buffers.Binary;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>RLE Lossless (PS3.5, annex G): a frame as segments of PackBits, one for each byte of a sample, the highest first, colour by colour.</summary>
internal static class RunLengthDecoder
{
    private const int MaxSegments = 15, HeaderLength = 64;

    /// <summary>Decodes a frame.</summary>
    /// <param name="frame">Header and segments.</param>
    /// <param name="samples">The samples of a pixel.</param>
    /// <param name="sampleBytes">The bytes of a sample.</param>
    /// <param name="destination">[pixels, samples], little endian.</param>
    /// <exception cref="ImageException">It is broken.</exception>
    public static void Decode(ReadOnlySpan<byte> frame, int samples, int sampleBytes, Span<byte> destination)
    {
        int segments = samples * sampleBytes, pixels = destination.Length / segments;
        if (frame.Length < HeaderLength) throw Broken($"found {frame.Length} bytes of a run-length encoded frame, expected a header of {HeaderLength}");
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(frame);
        if (count != segments || segments > MaxSegments) throw Broken($"found {count} run-length encoded segments, expected {segments} for {samples} samples of {sampleBytes} bytes");
        for (int segment = 0; segment < segments; segment++)
        {
            uint start = Offset(frame, segment), end = segment + 1 < segments ? Offset(frame, segment + 1) : (uint)frame.Length;
            if (start < HeaderLength || end < start || end > frame.Length) throw Broken($"found a run-length encoded segment from byte {start} to {end}, expected it within the frame's {frame.Length}");
            int sample = segment / sampleBytes, place = sampleBytes - 1 - (segment % sampleBytes);
            Unpack(frame[(int)start..(int)end], destination[((sample * sampleBytes) + place)..], segments, pixels);
        }
    }

    // The n-th byte goes to n * stride. A run may go beyond the last one: some writers pad rows.
    private static void Unpack(ReadOnlySpan<byte> packed, Span<byte> destination, int stride, int count)
    {
        int done = 0, at = 0;
        while (done < count)
        {
            if (at >= packed.Length) throw Broken($"found {done} bytes in a run-length encoded segment, expected {count}");
            int control = (sbyte)packed[at++];
            if (control >= 0)
            {
                int length = Math.Min(control + 1, count - done);
                if (packed.Length - at < length) throw Broken($"found {done + packed.Length - at} bytes in a run-length encoded segment, expected {count}");
                if (stride == 1) packed.Slice(at, length).CopyTo(destination[done..]);
                else for (int i = 0; i < length; i++) destination[(done + i) * stride] = packed[at + i];
                at += control + 1;
                done += length;
            }
            else if (control > sbyte.MinValue)
            {
                if (at >= packed.Length) throw Broken($"found {done} bytes in a run-length encoded segment, expected {count}");
                int length = Math.Min(1 - control, count - done);
                byte value = packed[at++];
                if (stride == 1) destination.Slice(done, length).Fill(value);
                else for (int i = 0; i < length; i++) destination[(done + i) * stride] = value;
                done += length;
            }
        }
    }

    private static uint Offset(ReadOnlySpan<byte> frame, int segment) => BinaryPrimitives.ReadUInt32LittleEndian(frame[(4 + (4 * segment))..]);

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
