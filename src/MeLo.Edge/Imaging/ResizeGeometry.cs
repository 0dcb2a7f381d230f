namespace MeLo.Edge.Imaging;

/// <summary>
/// To what size a picture is resized, and which square is cut from that: torchvision's <c>Resize(int)</c> and <c>CenterCrop</c>,
/// with their rounding.
/// </summary>
internal readonly record struct ResizeGeometry(int Width, int Height, int Left, int Top)
{
    public static ResizeGeometry For(PreprocessRecipe recipe, int width, int height)
    {
        if (recipe.ShortestSide is not int side) return new ResizeGeometry(recipe.Size, recipe.Size, 0, 0);
        int outWidth = width <= height ? side : Longer(side, width, height), outHeight = width <= height ? Longer(side, height, width) : side;
        return new ResizeGeometry(outWidth, outHeight, Margin(outWidth, recipe.Size), Margin(outHeight, recipe.Size));
    }

    // int(size * long / short)
    private static int Longer(int side, int longest, int shortest) => (int)((double)((long)side * longest) / shortest);

    // int(round((side - crop) / 2.0)), and Python rounds halves to even
    private static int Margin(int side, int crop) => (int)Math.Round((side - crop) / 2.0, MidpointRounding.ToEven);
}
