namespace MeLo.Edge.Phantoms;

/// <summary>Where a drawing lies in its picture: turned, larger or smaller, shifted, mirrored. Both have coordinates from 0 to 1.</summary>
internal readonly struct Frame
{
    private readonly double _centreX, _centreY, _cos, _sin, _mirror;

    /// <summary>Makes a frame.</summary>
    /// <param name="centreX">The drawing's point that lies in the middle of the picture.</param>
    /// <param name="centreY">The same, from the top.</param>
    /// <param name="zoom">How much of the drawing the picture shows; 1: all of it.</param>
    /// <param name="turns">The rotation, in turns.</param>
    /// <param name="isMirrored">Whether left and right are exchanged.</param>
    public Frame(double centreX, double centreY, double zoom, double turns, bool isMirrored)
    {
        (_centreX, _centreY, Zoom, _mirror) = (centreX, centreY, zoom, isMirrored ? -1 : 1);
        (_cos, _sin) = (Curve.Cos(turns), Curve.Sin(turns));
    }

    /// <summary>How much of the drawing the picture shows.</summary>
    public double Zoom { get; }

    /// <summary>The drawing as it is.</summary>
    public static Frame Whole { get; } = new(0.5, 0.5, 1, 0, isMirrored: false);

    /// <summary>The drawing's point at a point of the picture.</summary>
    public (double X, double Y) Find(double x, double y)
    {
        double right = _mirror * (x - 0.5) * Zoom, down = (y - 0.5) * Zoom;
        return (_centreX + (_cos * right) - (_sin * down), _centreY + (_sin * right) + (_cos * down));
    }

    /// <summary>The picture's point where a point of the drawing lies.</summary>
    public (double X, double Y) Place(double x, double y)
    {
        double right = x - _centreX, down = y - _centreY;
        return (0.5 + (_mirror * ((_cos * right) + (_sin * down)) / Zoom), 0.5 + (((_cos * down) - (_sin * right)) / Zoom));
    }
}
