using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

public sealed class LinearIdTests
{
    [Fact]
    public void EveryLinear_ReadsBackWhatItWrites()
    {
        foreach (VitLinear linear in VitLinears.All)
        {
            LinearId id = new(17, linear);
            Assert.True(LinearId.TryParse(id.ToString(), out LinearId read));
            Assert.Equal(id, read);
        }
        Assert.Equal("layers.3.query", new LinearId(3, VitLinear.Query).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("layers.")]
    [InlineData("layers.3")]
    [InlineData("layers..query")]
    [InlineData("layers.03.query")]
    [InlineData("layers.-1.query")]
    [InlineData("layers.+1.query")]
    [InlineData("layers. 1.query")]
    [InlineData("layers.1.Query")]
    [InlineData("layers.1.query ")]
    [InlineData("layers.1.query.weight")]
    [InlineData("layers.99999999999.query")]
    [InlineData("Layers.1.query")]
    public void AnyOtherText_IsNotAName(string text) => Assert.False(LinearId.TryParse(text, out _));
}
