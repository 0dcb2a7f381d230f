using System.CommandLine;
using AdapterTrainer.Commands;

namespace AdapterTrainer;

/// <summary>The program <c>adapter-trainer</c>.</summary>
internal static class TrainerProgram
{
    private static readonly string[] s_examples =
    [
        "A set of drawn pictures to try training with (synthetic phantoms, not for clinical use):",
        "  adapter-trainer phantoms --task tuberculosis --count 2000 --size 64 --out phantoms/tuberculosis",
    ];

    /// <summary>Runs the program.</summary>
    public static Task<int> RunAsync(string[] args, TextWriter output, TextWriter error) => ToolProgram.RunAsync("adapter-trainer", Root(), args, output, error);

    /// <summary>The tree of commands.</summary>
    public static RootCommand Root() => ToolProgram.Root("Trains low-rank adapters and small bases on the runtime that runs them.", s_examples, new TrainCommand(), new CompareCommand(), new PretrainCommand(), new PhantomsCommand());
}
