using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tools;

/// <summary>What the command-line programs have in common: they parse, run one command, and turn what happened into an exit code and one line on stderr.</summary>
internal static class ToolProgram
{
    /// <summary>The command did what was asked.</summary>
    public const int Done = 0;

    /// <summary>The input was refused.</summary>
    public const int Refused = 1;

    /// <summary>The command line was wrong.</summary>
    public const int WrongUsage = 2;

    /// <summary>The execution provider that was asked for cannot start, or its device failed: the same numbers as the service's.</summary>
    public const int NoProvider = 8;

    /// <inheritdoc cref="NoProvider"/>
    public const int DeviceLost = 9;

    /// <summary>A program's tree of commands, whose help ends with examples.</summary>
    public static RootCommand Root(string description, IReadOnlyList<string> examples, params Command[] commands)
    {
        RootCommand root = new(description);
        foreach (Command command in commands) root.Add(command);
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, [.. examples, "", "Exit codes: 0 done; 1 the input was refused, or the work interrupted, with one line on stderr; 2 wrong usage; 8 --provider cannot start here, or its device lacks what is needed; 9 the device was lost."]);
        return root;
    }

    /// <summary>Runs the program of that name.</summary>
    public static async Task<int> RunAsync(string name, RootCommand root, string[] args, TextWriter output, TextWriter error)
    {
        // A label may start with '@': no response files.
        ParseResult parsed;
        try
        {
            parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        }
        catch (InvalidOperationException e)
        {
            // The parser's, of a validator that asked for a value which another one refuses.
            await error.WriteLineAsync(TerminalText.OneLine($"error: {e.Message} See '{name} --help'."));
            return WrongUsage;
        }
        if (parsed.Errors.Count > 0)
        {
            // What is missing comes first, all of it: without it, what else is wrong says little.
            string[] missing = [.. parsed.Errors.Select(e => e.Message).Where(m => m.EndsWith(" is required.", StringComparison.Ordinal))];
            string fault = parsed.UnmatchedTokens.Count > 0 ? $"Unrecognized command or argument '{parsed.UnmatchedTokens[0]}'." : missing.Length > 0 ? string.Join(' ', missing) : parsed.Errors[0].Message;
            await error.WriteLineAsync(TerminalText.OneLine($"error: {fault} See '{NameOf(name, parsed)} --help'."));
            return WrongUsage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        }
        catch (UsageException e)
        {
            await error.WriteLineAsync(OneLine($"error: {e.Message} See '{NameOf(name, parsed)} --help'."));
            return WrongUsage;
        }
        catch (ProviderException e)
        {
            await error.WriteLineAsync(OneLine($"error: {e.Message}"));
            return e.Fault == ProviderFault.DeviceLost ? DeviceLost : NoProvider;
        }
        catch (Exception e) when (e is MeLoException or RefusedException or IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(OneLine($"error: {e.Message}"));
            return Refused;
        }
        catch (OperationCanceledException)
        {
            await error.WriteLineAsync("error: cancelled");
            return Refused;
        }
    }

    // "adapter-packer base import": the command that was named, and those above it.
    private static string NameOf(string program, ParseResult parsed)
    {
        List<string> names = [];
        for (CommandResult? at = parsed.CommandResult; at is not null; at = at.Parent as CommandResult)
            names.Insert(0, at.Parent is null ? program : at.Command.Name);
        return string.Join(' ', names);
    }

    // Several faults are a line each.
    private static string OneLine(string message) => TerminalText.OneLine(message, "; ");
}
