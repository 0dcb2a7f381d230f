using System.CommandLine;
using AdapterPacker.Commands;

namespace AdapterPacker.Tests;

public sealed class HelpTests
{
    public static TheoryData<string> Commands => [.. Paths(PackerProgram.Root())];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task HelpOfEveryCommand_ExitsWithZero_AndTeachesByExamples(string command)
    {
        ProgramResult result = await Packer.RunHereAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string help = result.Output;
        Assert.Contains("Usage:", help, StringComparison.Ordinal);
        if (command != "base") Assert.Contains("Examples:", help, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void EveryExample_IsACommandLineThatTheProgramTakes(string command)
    {
        RootCommand root = PackerProgram.Root();
        Command found = command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Aggregate((Command)root, (at, name) => at.Subcommands.Single(c => c.Name == name));
        if (found is not ToolCommand packer) return;
        string[] lines = string.Join('\n', packer.Examples).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        string[] examples = [.. lines.Where(l => l.StartsWith("adapter-packer ", StringComparison.Ordinal))];
        Assert.NotEmpty(examples);
        foreach (string example in examples)
        {
            ParseResult parsed = root.Parse(example["adapter-packer ".Length..]);
            Assert.True(parsed.Errors.Count == 0, $"{example}: {string.Join(' ', parsed.Errors)}");
            Assert.Same(found, parsed.CommandResult.Command);
        }
    }

    [Fact]
    public void RootExamples_AreCommandLinesThatTheProgramTakes()
    {
        string[] lines = Packer.Done("--help").Replace("\r", "", StringComparison.Ordinal).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        string[] examples = [.. lines.Select(l => l.Trim()).Where(l => l.StartsWith("adapter-packer ", StringComparison.Ordinal) && !l.Contains('[', StringComparison.Ordinal))];
        Assert.Equal(4, examples.Length);
        Assert.All(examples, e => Assert.Empty(PackerProgram.Root().Parse(e["adapter-packer ".Length..]).Errors));
    }

    private static IEnumerable<string> Paths(Command command, string path = "") =>
        command.Subcommands.SelectMany(c => Paths(c, $"{path} {c.Name}".Trim())).Prepend(path);
}
