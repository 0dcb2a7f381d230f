using System.Numerics.Tensors;

namespace MeLo.Edge.Training.Data;

/// <summary>One drawing of an <see cref="Augmentation"/>: a curve over the samples, then an affine transform of the plane.</summary>
internal readonly struct Variation
{
    private const int CurveStep = 4;

    private readonly int _size;

    // Where output pixel (x, y) comes from: (OriginX + x XByX + y XByY, OriginY + x YByX + y YByY).
    private readonly float _originX, _originY, _xByX, _xByY, _yByX, _yByY;

    private readonly bool _moves;

    // What becomes of black, white and what lies between, 32 entries a level of 8 bits; null where nothing does.
    private readonly float[]? _curve;

    private Variation(int size, double scale, double degrees, bool isMirrored, bool isUpsideDown, double shiftX, double shiftY, double power, double gain, double offset)
    {
        _size = size;
        (double sin, double cos) = Math.SinCos(degrees * Math.PI / 180);
        double u = isMirrored ? -scale : scale, v = isUpsideDown ? -scale : scale, centre = (size - 1) / 2.0;
        (_xByX, _xByY, _yByX, _yByY) = ((float)(cos * u), (float)(-sin * v), (float)(sin * u), (float)(cos * v));
        _originX = (float)(centre + shiftX - (centre * ((cos * u) - (sin * v))));
        _originY = (float)(centre + shiftY - (centre * ((sin * u) + (cos * v))));
        _moves = size > 1 && (scale != 1 || degrees != 0 || isMirrored || isUpsideDown);
        if (power != 1 || gain != 1 || offset != 0) _curve = Curve((float)power, (float)gain, (float)offset);
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
    /// <param name="levels">[channels, size, size], as <see cref="PreparedLevels"/> has them.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="scratch">As long as the levels; overwritten.</param>
    /// <param name="destination">As long as the levels: 0 for black to 1 for white.</param>
    public void Apply(ReadOnlySpan<ushort> levels, int channels, Span<float> scratch, Span<float> destination)
    {
        Span<float> curved = _moves ? scratch : destination;
        if (_curve is { } curve)
        {
            for (int i = 0; i < levels.Length; i++) curved[i] = curve[(uint)(Math.Clamp(levels[i] - PreparedLevels.Black, 0, PreparedLevels.White) + (CurveStep / 2)) / CurveStep];
        }
        else
        {
            PreparedLevels.Restore(levels, scale: 1, offset: 0, curved);
        }
        if (_moves) Move(curved, channels, destination);
    }

    // sample^power * gain + offset, within black and white.
    private static float[] Curve(float power, float gain, float offset)
    {
        float[] curve = new float[(PreparedLevels.White / CurveStep) + 1];
        for (int i = 0; i < curve.Length; i++) curve[i] = (float)i / (curve.Length - 1);
        if (power != 1) TensorPrimitives.Pow(curve, power, curve);
        PreparedLevels.Scale(curve, gain, offset, curve);
        TensorPrimitives.Clamp(curve, 0f, 1f, curve);
        return curve;
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
