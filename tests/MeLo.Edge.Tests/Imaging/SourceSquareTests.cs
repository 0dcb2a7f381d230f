using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>Where the model's square lies in a picture: a bright spot of the picture is found where preprocessing puts it.</summary>
public sealed class SourceSquareTests
{
    private const int Side = 64;

    public static TheoryData<ResizeMode, int, int, int> Pictures
    {
        get
        {
            TheoryData<ResizeMode, int, int, int> data = [];
            foreach (ResizeMode mode in Enum.GetValues<ResizeMode>())
                foreach ((int width, int height) in (ReadOnlySpan<(int, int)>)[(120, 80), (80, 130), (90, 90), (33, 40)])
                    for (int orientation = 1; orientation <= 8; orientation++) data.Add(mode, width, height, orientation);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public void Spot_IsWhereThePreprocessingPutsIt(ResizeMode mode, int width, int height, int orientation)
    {
        foreach (bool honours in (bool[])[true, false])
        {
            PreprocessRecipe recipe = new(mode, Side, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1], mode == ResizeMode.ShortestSide ? 70 : null, honours);
            SourceSquare square = SourceSquare.Of(recipe, width, height, orientation);
            foreach ((double x, double y) in (ReadOnlySpan<(double, double)>)[(0.5, 0.5), (0.4, 0.6), (0.65, 0.45), (0.55, 0.3)])
            {
                int column = (int)(x * width), row = (int)(y * height);
                byte[] samples = new byte[width * height];
                samples[(row * width) + column] = 255;
                PixelBuffer picture = new(width, height, 1, samples, orientation: orientation);
                float[] prepared = new float[recipe.TensorLength];
                Preprocessing.Apply(picture, recipe, prepared);
                (double foundX, double foundY) = Centre(prepared.AsSpan(0, Side * Side));
                (double u, double v) = square.Find(column + 0.5, row + 0.5);
                Assert.Equal(foundX, u * Side, 0.6);
                Assert.Equal(foundY, v * Side, 0.6);
            }
        }
    }

    [Fact]
    public void SquashedPicture_IsAllInTheSquare_AndACutOneItsMiddle()
    {
        SourceSquare squashed = SourceSquare.Of(PreprocessRecipe.Half, 300, 200, 1);
        Assert.Equal((0, 0, 300, 200), (squashed.Left, squashed.Top, squashed.Width, squashed.Height));
        // Resized to 384 x 256, of which columns 80 to 304 and rows 16 to 240.
        SourceSquare cut = SourceSquare.Of(PreprocessRecipe.ImageNet, 300, 200, 1);
        Assert.Equal((62.5, 12.5, 175, 175), (cut.Left, cut.Top, cut.Width, cut.Height));
    }

    private static (double X, double Y) Centre(ReadOnlySpan<float> plane)
    {
        double sum = 0, x = 0, y = 0;
        for (int i = 0; i < plane.Length; i++)
        {
            sum += plane[i];
            x += plane[i] * ((i % Side) + 0.5);
            y += plane[i] * ((i / Side) + 0.5);
        }
        return (x / sum, y / sum);
    }
}
