namespace MeLo.Edge.Phantoms;

/// <summary>Changes one pixel: its place in the drawing's coordinates, and its channels.</summary>
internal delegate void Ink(double x, double y, Span<float> pixel);

/// <summary>
/// What is drawn on. Drawings have coordinates of their own, 0 to 1 from left to right and from top to bottom whatever the picture's size and
/// proportions, so that a seed gives the same drawing at every size; a frame says where they lie in the picture.
/// </summary>
internal sealed class Canvas
{
    private readonly int _width;
    private readonly int _height;
    private readonly float[] _values;
    private readonly Frame _frame;

    public Canvas(int width, int height, int channels, Frame frame)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        (_width, _height, Channels, _frame) = (width, height, channels, frame);
        _values = new float[width * height * channels];
        Soft = 0.75 * frame.Zoom / Math.Min(width, height);
    }

    /// <summary>1 or 3.</summary>
    public int Channels { get; }

    /// <summary>Half the width of the sharpest edge that the pixels can show, in the drawing's coordinates.</summary>
    public double Soft { get; }

    /// <summary>Draws on every pixel.</summary>
    public void Draw(Ink ink) => Draw(0, 0, _width, _height, ink);

    /// <summary>Draws on the pixels around a point of the drawing.</summary>
    public void Draw(double x, double y, double reach, Ink ink) => Draw(x - reach, y - reach, x + reach, y + reach, ink);

    /// <summary>Draws on the pixels of a box of the drawing (and on some around it, where the frame turns it).</summary>
    public void Draw(double left, double top, double right, double bottom, Ink ink)
    {
        (double X, double Y)[] corners = [_frame.Place(left, top), _frame.Place(right, top), _frame.Place(left, bottom), _frame.Place(right, bottom)];
        Draw(
            (int)Math.Clamp(corners.Min(c => c.X) * _width, 0, _width),
            (int)Math.Clamp(corners.Min(c => c.Y) * _height, 0, _height),
            (int)Math.Clamp(Math.Ceiling(corners.Max(c => c.X) * _width), 0, _width),
            (int)Math.Clamp(Math.Ceiling(corners.Max(c => c.Y) * _height), 0, _height),
            ink);
    }

    /// <summary>The picture, values from 0 (black) to 1 (white).</summary>
    public Picture ToPicture()
    {
        ushort[] samples = new ushort[_values.Length];
        for (int i = 0; i < samples.Length; i++) samples[i] = (ushort)((Math.Clamp(_values[i], 0f, 1f) * ushort.MaxValue) + 0.5f);
        return new Picture(_width, _height, Channels, samples);
    }

    private void Draw(int left, int top, int right, int bottom, Ink ink)
    {
        for (int row = top; row < bottom; row++)
        {
            for (int column = left; column < right; column++)
            {
                (double x, double y) = _frame.Find((column + 0.5) / _width, (row + 0.5) / _height);
                ink(x, y, _values.AsSpan(((row * _width) + column) * Channels, Channels));
            }
        }
    }
}
