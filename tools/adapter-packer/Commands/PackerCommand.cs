using System.CommandLine;

namespace AdapterPacker.Commands;

/// <summary>One command: its options, its examples, and what it does.</summary>
internal abstract class PackerCommand : Command
{
    protected PackerCommand(string name, string description)
        : base(name, description)
    {
        // On a thread of its own, so that Ctrl-C reaches the token while the work goes on.
        SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, parsed.InvocationConfiguration.Output, cancellation), cancellation));
    }

    /// <summary>Lines for the end of the help.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Does it, and returns the exit code; refusals are exceptions.</summary>
    protected abstract int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation);
}
