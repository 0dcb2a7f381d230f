using System.Text;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Tests.Files;

public class FileNamesTests
{
    private static readonly string s_sha = Convert.ToHexStringLower(new byte[32]);

    [Fact]
    public void OrdinaryName_IsKeptWhole() => Assert.Equal("cxr-17.png.000000000000.json", FileNames.Result("cxr-17.png", s_sha));

    [Theory]
    [InlineData("a\nb\"c'.png", "a_b\"c'.png")]
    [InlineData("\u001b[31mred.png", "_[31mred.png")]
    public void ControlCharacters_AreReplaced(string name, string safe) => Assert.Equal(safe, FileNames.Safe(name));

    [Theory]
    [InlineData("a")]
    [InlineData("ß")]
    [InlineData("漢")]
    [InlineData("😀")]
    public void LongestNames_StillFitWithEveryEnding(string letter)
    {
        StringBuilder name = new();
        while (Encoding.UTF8.GetByteCount(name.ToString() + letter) <= 251) name.Append(letter);
        name.Append(".png");
        foreach (string made in (string[])[FileNames.Result(name.ToString(), s_sha, 24), FileNames.Report(FileNames.Result(name.ToString(), s_sha, 24), FileNames.FhirReport), FileNames.Reason(FileNames.Numbered(FileNames.Safe(name.ToString()), 1234))])
            Assert.InRange(Encoding.UTF8.GetByteCount(made), 200, 255);
    }

    [Fact]
    public void ShortenedNames_StayDifferent()
    {
        string start = new('x', 245);
        Assert.NotEqual(FileNames.Safe(start + "1.png"), FileNames.Safe(start + "2.png"));
    }

    [Theory]
    [InlineData("scan.png", 2, "scan~2.png")]
    [InlineData("scan", 3, "scan~3")]
    [InlineData("scan.png", 1, "scan.png")]
    public void NumberedName_KeepsTheExtension(string name, int number, string expected) => Assert.Equal(expected, FileNames.Numbered(name, number));

    [Theory]
    [InlineData(".hidden.png", true)]
    [InlineData("x.png.part", true)]
    [InlineData("x.TMP", true)]
    [InlineData("x.png", false)]
    [InlineData("part", false)]
    public void UnfinishedAndHiddenFiles_AreIgnored(string name, bool ignored) => Assert.Equal(ignored, FileNames.IsIgnored(name));
}
