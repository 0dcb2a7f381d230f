using System.Buffers;
using System.Numerics.Tensors;

namespace MeLo.Edge.Imaging;

/// <summary>
/// A decoded picture in the full depth of its source: gray or RGB samples, row by row from the top, channels interleaved. Immutable
/// and safe for concurrent reads.
/// </summary>
public sealed class PixelBuffer
{
    private readonly int _length;
    private readonly bool _isRented;
    private Array _samples;

    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="samples">At least width x height x channels of <see cref="byte"/>, <see cref="ushort"/> or <see cref="float"/>; the buffer's from now on.</param>
    /// <param name="format">The format of the file.</param>
    /// <param name="orientation">EXIF, 1 to 8.</param>
    /// <param name="isRented">Whether the samples are of the shared pool.</param>
    internal PixelBuffer(int width, int height, int channels, Array samples, ImageFormat format = ImageFormat.None, int orientation = 1, bool isRented = false)
    {
        Width = width;
        Height = height;
        Channels = channels;
        Format = format;
        Orientation = orientation;
        _length = width * height * channels;
        _isRented = isRented;
        _samples = samples;
        Depth = samples switch
        {
            byte[] => SampleDepth.Bits8,
            ushort[] => SampleDepth.Bits16,
            _ => SampleDepth.Real32,
        };
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Samples a pixel: 1 (gray) or 3 (red, green, blue).</summary>
    public int Channels { get; }

    /// <summary>How a sample is stored.</summary>
    public SampleDepth Depth { get; }

    /// <summary>The format of the file it came from.</summary>
    public ImageFormat Format { get; }

    /// <summary>The EXIF orientation found in the file, 1 to 8; 1 is upright. The samples are as stored, not turned.</summary>
    public int Orientation { get; }

    /// <summary>The value that stands for white.</summary>
    public float White => Depth switch { SampleDepth.Bits8 => byte.MaxValue, SampleDepth.Bits16 => ushort.MaxValue, _ => 1f };

    /// <summary>A picture of 8-bit samples: 0 is black, 255 white. The samples are copied.</summary>
    /// <exception cref="ImageException">The dimensions do not fit the samples.</exception>
    public static PixelBuffer FromBytes(int width, int height, int channels, ReadOnlySpan<byte> samples)
    {
        CheckShape(width, height, channels, samples.Length);
        return new PixelBuffer(width, height, channels, samples.ToArray());
    }

    /// <summary>A picture of 16-bit samples: 0 is black, 65535 white. The samples are copied.</summary>
    /// <exception cref="ImageException">The dimensions do not fit the samples.</exception>
    public static PixelBuffer FromUInt16(int width, int height, int channels, ReadOnlySpan<ushort> samples)
    {
        CheckShape(width, height, channels, samples.Length);
        return new PixelBuffer(width, height, channels, samples.ToArray());
    }

    /// <summary>A picture of floating-point samples: 0 is black, 1 white. The samples are copied.</summary>
    /// <exception cref="ImageException">The dimensions do not fit the samples, or a sample is not finite.</exception>
    public static PixelBuffer FromSingles(int width, int height, int channels, ReadOnlySpan<float> samples)
    {
        CheckShape(width, height, channels, samples.Length);
        if (!TensorPrimitives.IsFiniteAll(samples)) throw ImageException.Pixels("found samples that are not finite numbers");
        return new PixelBuffer(width, height, channels, samples.ToArray());
    }

    /// <summary>Widens one row, [width, channels], to floats in the buffer's own units: see <see cref="White"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException">The destination is shorter than the row.</exception>
    public void CopyRow(int row, Span<float> destination) => CopyRow(row, 0, Width, destination);

    /// <summary>As the other, for [columns, channels] from column <paramref name="first"/> on.</summary>
    internal void CopyRow(int row, int first, int columns, Span<float> destination)
    {
        // Behind the last row, memory that is used again holds another picture.
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Height);
        int start = ((row * Width) + first) * Channels, length = columns * Channels;
        switch (_samples)
        {
            case byte[] bytes:
                TensorPrimitives.ConvertTruncating<byte, float>(bytes.AsSpan(start, length), destination);
                break;
            case ushort[] words:
                TensorPrimitives.ConvertTruncating<ushort, float>(words.AsSpan(start, length), destination);
                break;
            default:
                ((float[])_samples).AsSpan(start, length).CopyTo(destination);
                break;
        }
    }

    /// <summary>All samples of a buffer of that type.</summary>
    /// <exception cref="ImageException">The buffer stores another type.</exception>
    public ReadOnlySpan<T> Samples<T>()
        where T : unmanaged => _samples is T[] samples
        ? samples.AsSpan(0, _length)
        : throw ImageException.Pixels($"found samples of depth {Depth}, expected {typeof(T).Name}");

    /// <summary>Gives the memory back for the next picture; by the only holder, after which the buffer holds nothing.</summary>
    internal void Return()
    {
        Array samples = Interlocked.Exchange(ref _samples, Array.Empty<byte>());
        if (!_isRented) return;
        if (samples is byte[] bytes) ArrayPool<byte>.Shared.Return(bytes);
        else if (samples is ushort[] words) ArrayPool<ushort>.Shared.Return(words);
        else if (samples is float[] singles) ArrayPool<float>.Shared.Return(singles);
    }

    private static void CheckShape(int width, int height, int channels, int length)
    {
        if (width < 1 || height < 1 || channels is not (1 or 3) || (long)width * height * channels != length)
            throw ImageException.Pixels($"found {length} samples for {width} x {height} pixels of {channels} channels, expected width x height x (1 or 3)");
    }
}
