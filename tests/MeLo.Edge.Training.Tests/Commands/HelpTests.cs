using System.CommandLine;
using AdapterTrainer;

namespace MeLo.Edge.Training.Tests.Commands;

public sealed class HelpTests
{
    public static TheoryData<string> Commands => [.. TrainerProgram.Root().Subcommands.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task EveryExample_IsACommandLineThatTheProgramTakes(string command)
    {
        ProgramResult help = await TrainerTool.RunHereAsync(command, "--help");
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        RootCommand root = TrainerProgram.Root();
        ToolCommand found = (ToolCommand)root.Subcommands.Single(c => c.Name == command);
        string[] examples = [.. string.Join('\n', found.Examples).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n').Where(l => l.StartsWith("adapter-trainer ", StringComparison.Ordinal))];
        Assert.NotEmpty(examples);
        foreach (string example in examples)
        {
            Assert.Contains(example, help.Output.Replace("\\\n", " ", StringComparison.Ordinal), StringComparison.Ordinal);
            ParseResult parsed = root.Parse(example["adapter-trainer ".Length..]);
            Assert.True(parsed.Errors.Count == 0, $"{example}: {string.Join(' ', parsed.Errors)}");
            Assert.Same(found, parsed.CommandResult.Command);
        }
    }

    [Fact]
    public async Task RootExamples_AreCommandLinesThatTheProgramTakes()
    {
        string[] lines = (await TrainerTool.RunHereAsync("--help")).Output.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        string[] examples = [.. lines.Select(l => l.Trim()).Where(l => l.StartsWith("adapter-trainer ", StringComparison.Ordinal) && !l.Contains('[', StringComparison.Ordinal))];
        Assert.NotEmpty(examples);
        Assert.All(examples, e => Assert.Empty(TrainerProgram.Root().Parse(e["adapter-trainer ".Length..]).Errors));
    }
}
