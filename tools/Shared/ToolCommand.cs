using System.CommandLine;
using System.CommandLine.Parsing;

namespace MeLo.Edge.Tools;

/// <summary>One command: its options, its examples, and what it does.</summary>
internal abstract class ToolCommand : Command
{
    protected ToolCommand(string name, string description)
        : base(name, description)
    {
        // On a thread of its own, so that Ctrl-C reaches the token while the work goes on.
        SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, parsed.InvocationConfiguration.Output, cancellation), cancellation));
        // No option and no argument has a meaning for an empty text; a script's unset variable often gives one.
        Validators.Add(result =>
        {
            foreach (SymbolResult child in result.Children)
                if (child.Tokens.Any(token => token.Value.Length == 0))
                    result.AddError($"{(child is OptionResult option ? option.Option.Name : ((ArgumentResult)child).Argument.Name)}: found an empty text, expected a value.");
        });
    }

    /// <summary>Lines for the end of the help.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Does it, and returns the exit code; refusals are exceptions.</summary>
    protected abstract int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation);
}
