using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace MeLo.Edge.Tools;

/// <summary>The usual help, followed by the command's examples, or the program's.</summary>
internal sealed class HelpWithExamples(HelpAction help, IReadOnlyList<string> rootExamples) : SynchronousCommandLineAction
{
    // Help is asked for before a command line is complete.
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = help.Invoke(parseResult);
        IReadOnlyList<string> examples = parseResult.CommandResult.Command switch
        {
            ToolCommand command => command.Examples,
            RootCommand => rootExamples,
            _ => [],
        };
        if (examples.Count == 0) return code;
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string line in examples) output.WriteLine(line.Length == 0 ? line : "  " + line);
        return code;
    }
}
