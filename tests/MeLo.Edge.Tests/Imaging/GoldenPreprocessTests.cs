using MeLo.Edge.Imaging;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>What Pillow 9.4 and torchvision 0.14 make of pictures of many pixel formats.</summary>
public sealed class GoldenPreprocessTests
{
    // In units of 1/255 of white, before normalisation: Pillow rounds to 8 bits after each pass, this code does not.
    private const double MaxLevels = 2;
    private const double MeanLevels = 0.3;

    private static readonly Dictionary<string, PreprocessRecipe> s_recipes = new()
    {
        ["squash_bicubic_half"] = PreprocessRecipe.Half,
        ["short256_bilinear_crop224_imagenet"] = PreprocessRecipe.ImageNet,
    };

    [Fact]
    public void EveryGoldenPicture_MatchesPillowAndTorchvision()
    {
        string folder = SharedData.Golden("preprocess");
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        Assert.NotEmpty(expected.Tensors);
        foreach ((string key, TensorView tensor) in expected.Tensors)
        {
            string[] parts = key.Split('|');
            PreprocessRecipe recipe = s_recipes[parts[1]];
            PixelBuffer image = RasterDecoder.Decode(File.ReadAllBytes(Path.Combine(folder, parts[0])));
            float[] ours = new float[recipe.TensorLength];
            Preprocessing.Apply(image, recipe, ours);

            (double largest, double mean) = Difference(tensor.ToSingles(), ours, recipe);
            TestContext.Current.TestOutputHelper?.WriteLine($"{key}: largest {largest:F3}, mean {mean:F4} levels");
            Assert.True(largest <= MaxLevels, $"{key}: largest difference {largest:F3} levels");
            Assert.True(mean <= MeanLevels, $"{key}: mean difference {mean:F4} levels");
        }
    }

    private static (double Largest, double Mean) Difference(float[] expected, float[] ours, PreprocessRecipe recipe)
    {
        double largest = 0, sum = 0;
        for (int i = 0; i < ours.Length; i++)
        {
            double levels = Math.Abs(expected[i] - ours[i]) * recipe.Std[i / (recipe.Size * recipe.Size)] * 255;
            largest = Math.Max(largest, levels);
            sum += levels;
        }
        return (largest, sum / ours.Length);
    }
}
