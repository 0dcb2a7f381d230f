using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>docs/bundle-format.md says what the code does.</summary>
public sealed partial class BundleFormatDocumentTests
{
    private static readonly string s_document = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "bundle-format.md"));

    [Fact]
    public void ExampleDescription_IsAccepted()
    {
        string example = JsonBlock().Match(s_document).Groups[1].Value;
        Assert.Equal("tuberculosis", AdapterDescription.Parse(Encoding.UTF8.GetBytes(example), "docs").Task);
    }

    [Fact]
    public void EntriesAndLimits_AreTheReaders()
    {
        IEnumerable<(string, bool, int)> documented = EntryRow().Matches(s_document)
            .Select(m => (m.Groups[1].Value, m.Groups[2].Value == "yes", int.Parse(m.Groups[3].Value, CultureInfo.InvariantCulture)));
        Assert.Equal(BundleEntry.All.Select(e => (e.Name, e.Required, e.MaxLength)), documented);
    }

    [Fact]
    public void EveryKindOfRefusal_IsNamed() =>
        Assert.All(Enum.GetNames<BundleRefusal>(), name => Assert.Contains($"`{name}`", s_document, StringComparison.Ordinal));

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();

    [GeneratedRegex(@"^\| `([a-z.]+)` \|[^|]*\| (yes|no|to be used) \| (\d+) \|$", RegexOptions.Multiline)]
    private static partial Regex EntryRow();
}
