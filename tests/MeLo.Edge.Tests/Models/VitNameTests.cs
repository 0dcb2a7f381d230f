using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

public sealed class VitNameTests
{
    [Theory]
    [InlineData("vit_base_patch16_224", 85_798_656)]
    [InlineData("vit_d64_l3_h4_m256_patch8_32", 163_584)]
    [InlineData("vit_d64_l3_h4_m256_patch8_gap_32", 163_456)]
    public void Name_TellsTheArchitecture_AndBack(string name, long parameters)
    {
        VitArchitecture architecture = VitArchitecture.Named(name);
        Assert.Equal(name, architecture.Name);
        Assert.Equal(parameters, architecture.ParameterCount);
    }

    [Theory]
    [InlineData("")]
    [InlineData("vit_colossal_patch16_224")]
    [InlineData("vit_d64_l3_h4_patch8_32")]
    [InlineData("vit_d64_l3_h5_m256_patch8_32")]
    [InlineData("vit_d64_l0_h4_m256_patch8_32")]
    [InlineData("vit_d99999_l999_h1_m99999_patch8_32")]
    [InlineData("vit_d999999_l3_h4_m256_patch8_32")]
    [InlineData("vit_base_patch0_224")]
    public void AnyOtherText_IsRefused(string name) => Assert.Throws<ModelException>(() => VitArchitecture.Named(name));
}
