using MeLo.Edge.Adapters;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

public sealed class VitArchitectureTests
{
    // Parameters without a head: depth (4 d² + 2 d m + 9 d + m) + 3 p² d + d + tokens d + d + 2 d, worked out apart from this code.
    [Theory]
    [InlineData("vit_tiny_patch16_224", 192, 12, 3, 768, 5_524_416)]
    [InlineData("vit_small_patch16_224", 384, 12, 6, 1536, 21_665_664)]
    [InlineData("vit_base_patch16_224", 768, 12, 12, 3072, 85_798_656)]
    [InlineData("vit_base_patch32_224", 768, 12, 12, 3072, 87_455_232)]
    [InlineData("vit_large_patch16_224", 1024, 24, 16, 4096, 303_301_632)]
    [InlineData("vit_huge_patch14_224", 1280, 32, 16, 5120, 630_764_800)]
    [InlineData("vit_giant_patch14_224", 1408, 40, 16, 6144, 1_011_202_432)]
    [InlineData("vit_gigantic_patch14_224", 1664, 48, 16, 8192, 1_842_775_680)]
    public void KnownSize_HasItsNumbersAndItsName(string name, int dim, int depth, int heads, int mlp, long parameters)
    {
        VitArchitecture vit = VitArchitecture.Named(name);
        Assert.Equal((dim, depth, heads, mlp), (vit.Dim, vit.Depth, vit.Heads, vit.MlpDim));
        Assert.Equal(name, vit.Name);
        Assert.Equal(parameters, vit.ParameterCount);
    }

    [Fact]
    public void AdapterOfThePaper_IsItsShareOfTheBase() =>
        Assert.Equal(0.17, Math.Round(100.0 * 147_456 / VitArchitecture.Named("vit_base_patch16_224").ParameterCount, 2));

    [Fact]
    public void AveragePooling_ShowsInTheName()
    {
        VitArchitecture vit = VitArchitecture.Named("vit_base_patch16_gap_224");
        Assert.Equal((false, VitPooling.Average, VitFinalNorm.AfterPooling, 196), (vit.HasClassToken, vit.Pooling, vit.FinalNorm, vit.Tokens));
        Assert.Equal("vit_base_patch16_gap_224", vit.Name);
    }

    [Fact]
    public void SizeWithoutAName_IsNamedByItsNumbers()
    {
        VitArchitecture vit = new() { ImageSize = 32, PatchSize = 8, Dim = 64, Depth = 3, Heads = 4, MlpDim = 256 };
        Assert.Equal("vit_d64_l3_h4_m256_patch8_32", vit.Name);
        Assert.Equal(vit, VitArchitecture.Named(vit.Name));
        // The same widths with other heads is another model, and must not carry the known name.
        Assert.Equal("vit_d768_l12_h8_m3072_patch16_224", (VitArchitecture.Named("vit_base_patch16_224") with { Heads = 8 }).Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("vit_base")]
    [InlineData("vit_colossal_patch16_224")]
    [InlineData("resnet50")]
    [InlineData("vit_base_patch16_225")]
    [InlineData("vit_base_patch0_224")]
    [InlineData("vit_base_patch16_224\n")]
    [InlineData("vit_d64_l0_h4_m256_patch8_32")]
    [InlineData("vit_d64_l3_h5_m256_patch8_32")]
    [InlineData("vit_d99999_l999_h99999_m99999_patch9999_9999")]
    public void UnknownName_IsRefused(string name) => Assert.Throws<ModelException>(() => VitArchitecture.Named(name));

    [Fact]
    public void EveryFault_IsReportedTogether()
    {
        VitArchitecture vit = new() { ImageSize = 30, PatchSize = 8, Dim = 64, Depth = 0, Heads = 5, MlpDim = -1, LayerNormEpsilon = float.NaN, HasClassToken = false };
        string message = Assert.Throws<ModelException>(vit.Validate).Message;
        foreach (string fault in (string[])["image size 30", "Depth 0", "5 heads", "MlpDim -1", "epsilon NaN", "without a class token"])
            Assert.Contains(fault, message, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightOverTwoGibibytes_IsRefused()
    {
        VitArchitecture vit = new() { ImageSize = 32, PatchSize = 8, Dim = 32768, Depth = 1, Heads = 1, MlpDim = 65536 };
        Assert.Contains("elements in layers.0.fc1.weight", Assert.Throws<ModelException>(vit.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CanonicalWeights_AreInByteOrderAndLinearsAreInByOut()
    {
        VitArchitecture vit = new() { ImageSize = 8, PatchSize = 4, Dim = 8, Depth = 11, Heads = 2, MlpDim = 24 };
        IReadOnlyList<CanonicalWeight> weights = CanonicalWeights.Of(vit);
        Assert.Equal(weights.Select(w => w.Name).Order(StringComparer.Ordinal), weights.Select(w => w.Name));
        Assert.Equal([8, 24], weights.Single(w => w.Name == "layers.10.fc1.weight").Shape);
        Assert.Equal([24, 8], weights.Single(w => w.Name == "layers.10.fc2.weight").Shape);
        Assert.Equal((24, 8), vit.LinearShape(VitLinear.Fc2));
        Assert.Equal(6 + (16 * 11), weights.Count);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("FP32")]
    [InlineData("")]
    public void PrecisionThatIsNotBuilt_IsRefusedByName(string name) =>
        Assert.Contains($"found '{name}', expected fp32", Assert.Throws<ModelException>(() => Precisions.Parse(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void KnownPrecisionAndSets_AreParsed()
    {
        Assert.Equal(Precision.Fp32, Precisions.Parse("fp32"));
        Assert.Equal([VitLinear.Query, VitLinear.Value], AdaptableSets.Parse("qv").Linears());
        Assert.Equal(VitLinears.All, AdaptableSets.Parse("all").Linears());
        Assert.Throws<ModelException>(() => AdaptableSets.Parse("q"));
    }
}
