using System.Numerics.Tensors;

namespace MeLo.Edge.Training.Data;

/// <summary>One drawing of an <see cref="Augmentation"/>: a curve over the samples, then an affine transform of the plane.</summary>
internal readonly struct Variation
{
    private readonly int _size;

    // Where output pixel (x, y) comes from: (OriginX + x XByX + y XByY, OriginY + x YByX + y YByY).
    private readonly float _originX, _originY, _xByX, _xByY, _yByX, _yByY;

    // sample^power * gain + offset
    private readonly float _power, _gain, _offset;
    private readonly bool _moves, _hasCurve;

    private Variation(int size, double scale, double degrees, bool isMirrored, bool isUpsideDown, double shiftX, double shiftY, double power, double gain, double offset)
    {
        _size = size;
        (double sin, double cos) = Math.SinCos(degrees * Math.PI / 180);
        double u = isMirrored ? -scale : scale, v = isUpsideDown ? -scale : scale, centre = (size - 1) / 2.0;
        (_xByX, _xByY, _yByX, _yByY) = ((float)(cos * u), (float)(-sin * v), (float)(sin * u), (float)(cos * v));
        _originX = (float)(centre + shiftX - (centre * ((cos * u) - (sin * v))));
        _originY = (float)(centre + shiftY - (centre * ((sin * u) + (cos * v))));
        _moves = size > 1 && (scale != 1 || degrees != 0 || isMirrored || isUpsideDown);
        (_power, _gain, _offset) = ((float)power, (float)gain, (float)offset);
        _hasCurve = power != 1 || gain != 1 || offset != 0;
    }

    /// <summary>Draws; the same seed gives the same. Every number is drawn whether it is used or not, so that switching one kind of variation off leaves the others as they were.</summary>
    /// <param name="augmentation">The ranges.</param>
    /// <param name="size">The side of the pictures.</param>
    /// <param name="seed">The seed.</param>
    public static Variation Draw(Augmentation augmentation, int size, ulong seed)
    {
        SplitMix64 random = new(seed);
        bool isMirrored = random.Unit() < 0.5, isUpsideDown = random.Unit() < 0.5;
        double degrees = random.Between(-1, 1) * augmentation.MaxRotationDegrees;
        double scale = Math.Sqrt(random.Between(augmentation.MinCrop, 1));
        double room = size * (1 - scale) / 2;
        double shiftX = random.Between(-room, room), shiftY = random.Between(-room, room);
        double power = Math.Exp(random.Between(-1, 1) * Math.Log(1 + augmentation.Gamma));
        double gain = 1 + (random.Between(-1, 1) * augmentation.Contrast);
        double brightness = random.Between(-1, 1) * augmentation.Brightness;
        // Contrast turns about middle gray.
        double offset = (0.5 * (1 - gain)) + brightness;
        return new Variation(
            size, scale, degrees, isMirrored && augmentation.FlipHorizontal, isUpsideDown && augmentation.FlipVertical, shiftX, shiftY, power, gain, offset);
    }

    /// <summary>Varies a picture.</summary>
    /// <param name="source">[channels, size, size], 0 for black to 1 for white; overwritten.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="destination">As long as the source.</param>
    public void Apply(Span<float> source, int channels, Span<float> destination)
    {
        if (_hasCurve)
        {
            if (_power != 1)
            {
                TensorPrimitives.Clamp(source, 0f, 1f, source);
                TensorPrimitives.Pow(source, _power, source);
            }
            PreparedLevels.Scale(source, _gain, _offset, source);
            TensorPrimitives.Clamp(source, 0f, 1f, source);
        }
        if (_moves) Move(source, channels, destination);
        else source.CopyTo(destination);
    }

    private void Move(ReadOnlySpan<float> source, int channels, Span<float> destination)
    {
        int size = _size, plane = size * size;
        float last = size - 1;
        for (int y = 0; y < size; y++)
        {
            float rowX = _originX + (y * _xByY), rowY = _originY + (y * _yByY);
            for (int x = 0; x < size; x++)
            {
                // Outside, the border goes on: black corners would be something to learn.
                float sourceX = Math.Clamp(rowX + (x * _xByX), 0, last), sourceY = Math.Clamp(rowY + (x * _yByX), 0, last);
                int left = Math.Min((int)sourceX, size - 2), top = Math.Min((int)sourceY, size - 2);
                float right = sourceX - left, down = sourceY - top;
                int from = (top * size) + left, to = (y * size) + x;
                for (int c = 0; c < channels; c++, from += plane, to += plane)
                {
                    float upper = (source[from] * (1 - right)) + (source[from + 1] * right);
                    float lower = (source[from + size] * (1 - right)) + (source[from + size + 1] * right);
                    destination[to] = (upper * (1 - down)) + (lower * down);
                }
            }
        }
    }
}
