namespace MeLo.Edge.Imaging;

/// <summary>
/// Where the square that a model saw lies in the picture that it was cut from. Lengths are in that picture's pixels, from its upper left corner; a pixel's centre is at a half.
/// </summary>
public sealed record SourceSquare
{
    private SourceSquare(int pictureWidth, int pictureHeight, int orientation, double left, double top, double width, double height) =>
        (PictureWidth, PictureHeight, Orientation, Left, Top, Width, Height) = (pictureWidth, pictureHeight, orientation, left, top, width, height);

    /// <summary>The columns of the picture as it is stored.</summary>
    public int PictureWidth { get; }

    /// <summary>The rows of the picture as it is stored.</summary>
    public int PictureHeight { get; }

    /// <summary>How the recipe turned the stored picture first: an EXIF orientation, 1 to 8; 1 where it does not turn pictures.</summary>
    public int Orientation { get; }

    /// <summary>The square's left edge in the turned picture.</summary>
    public double Left { get; }

    /// <summary>The square's upper edge in the turned picture.</summary>
    public double Top { get; }

    /// <summary>The square's width in the turned picture; as the whole of it where the recipe squashes it.</summary>
    public double Width { get; }

    /// <summary>The square's height in the turned picture.</summary>
    public double Height { get; }

    /// <summary>What a recipe cuts from a picture.</summary>
    internal static SourceSquare Of(PreprocessRecipe recipe, int width, int height, int orientation)
    {
        if (!recipe.HonourOrientation) orientation = 1;
        (int turnedWidth, int turnedHeight) = IsTransposed(orientation) ? (height, width) : (width, height);
        ResizeGeometry geometry = ResizeGeometry.For(recipe, turnedWidth, turnedHeight);
        double columns = (double)turnedWidth / geometry.Width, rows = (double)turnedHeight / geometry.Height;
        return new SourceSquare(width, height, orientation, geometry.Left * columns, geometry.Top * rows, recipe.Size * columns, recipe.Size * rows);
    }

    /// <summary>Where in the square a point of the stored picture lies: from 0 to 1 in both directions inside of it.</summary>
    internal (double X, double Y) Find(double x, double y)
    {
        // As Orientations turns pixels.
        (double u, double v) = IsTransposed(Orientation) ? (y, x) : (x, y);
        (int turnedWidth, int turnedHeight) = IsTransposed(Orientation) ? (PictureHeight, PictureWidth) : (PictureWidth, PictureHeight);
        if (Orientation is 2 or 3 or 6 or 7) u = turnedWidth - u;
        if (Orientation is 3 or 4 or 7 or 8) v = turnedHeight - v;
        return ((u - Left) / Width, (v - Top) / Height);
    }

    private static bool IsTransposed(int orientation) => orientation >= 5;
}
