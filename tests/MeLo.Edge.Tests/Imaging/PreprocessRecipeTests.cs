using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

public sealed class PreprocessRecipeTests
{
    private static readonly float[] Halves = [0.5f, 0.5f, 0.5f];

    [Fact]
    public void Presets_HaveTheNumbersTheirCheckpointsWereTrainedWith()
    {
        PreprocessRecipe half = PreprocessRecipe.Presets["half"], imagenet = PreprocessRecipe.Presets["imagenet"];
        Assert.Equal((ResizeMode.Squash, 224, null, Interpolation.Bicubic), (half.Resize, half.Size, half.ShortestSide, half.Interpolation));
        Assert.Equal(Halves, half.Mean);
        Assert.Equal((ResizeMode.ShortestSide, 224, 256, Interpolation.Bilinear),
            (imagenet.Resize, imagenet.Size, imagenet.ShortestSide, imagenet.Interpolation));
        Assert.Equal([0.485f, 0.456f, 0.406f], imagenet.Mean);
        Assert.Equal([0.229f, 0.224f, 0.225f], imagenet.Std);
        Assert.Equal(3 * 224 * 224, imagenet.TensorLength);
    }

    [Fact]
    public void SameNumbersInOtherArrays_AreEqual()
    {
        PreprocessRecipe same = new(ResizeMode.Squash, 224, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        PreprocessRecipe other = new(ResizeMode.Squash, 224, Interpolation.Bicubic, [0.5f, 0.5f, 0.4f], [0.5f, 0.5f, 0.5f]);
        Assert.Equal(PreprocessRecipe.Half, same);
        Assert.Equal(PreprocessRecipe.Half.GetHashCode(), same.GetHashCode());
        Assert.NotEqual(PreprocessRecipe.Half, other);
    }

    [Fact]
    public void EveryFault_IsReportedAtOnce()
    {
        ImageException refused = Assert.Throws<ImageException>(() =>
            new PreprocessRecipe((ResizeMode)9, 0, (Interpolation)7, [0.5f, float.NaN, 0.5f], [1f, 0f, 1f], shortestSide: 5000));
        foreach (string fault in (string[])["resize mode 9", "interpolation 7", "size 0", "shortest side 5000", "NaN", "std [1,0,1]"])
            Assert.Contains(fault, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ShortestSide_MustBeGivenWithItsModeOnlyAndHoldTheCrop()
    {
        Assert.Throws<ImageException>(() => new PreprocessRecipe(ResizeMode.ShortestSide, 224, Interpolation.Bilinear, Halves, Halves));
        Assert.Throws<ImageException>(() => new PreprocessRecipe(ResizeMode.ShortestSide, 224, Interpolation.Bilinear, Halves, Halves, 223));
        Assert.Throws<ImageException>(() => new PreprocessRecipe(ResizeMode.Squash, 224, Interpolation.Bilinear, Halves, Halves, 256));
        _ = new PreprocessRecipe(ResizeMode.ShortestSide, 224, Interpolation.Bilinear, Halves, Halves, 224);
    }
}
