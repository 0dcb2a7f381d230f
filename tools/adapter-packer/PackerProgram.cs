using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using AdapterPacker.Commands;
using MeLo.Edge;

namespace AdapterPacker;

/// <summary>The program: parses, runs one command, and turns what happened into an exit code and one line on stderr.</summary>
internal static class PackerProgram
{
    /// <summary>The command did what was asked.</summary>
    public const int Done = 0;

    /// <summary>The input was refused.</summary>
    public const int Refused = 1;

    /// <summary>The command line was wrong.</summary>
    public const int WrongUsage = 2;

    /// <summary>Runs the program.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        // A label may start with '@': no response files.
        ParseResult parsed = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            string fault = parsed.UnmatchedTokens.Count > 0 ? $"Unrecognized command or argument '{parsed.UnmatchedTokens[0]}'." : parsed.Errors[0].Message;
            await error.WriteLineAsync(OneLine($"error: {fault} See '{NameOf(parsed)} --help'."));
            return WrongUsage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        }
        catch (UsageException e)
        {
            await error.WriteLineAsync(OneLine($"error: {e.Message} See '{NameOf(parsed)} --help'."));
            return WrongUsage;
        }
        catch (Exception e) when (e is MeLoException or RefusedException or IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(OneLine($"error: {e.Message}"));
            return Refused;
        }
        catch (OperationCanceledException)
        {
            await error.WriteLineAsync("error: cancelled; nothing was written");
            return Refused;
        }
    }

    /// <summary>The tree of commands.</summary>
    public static RootCommand Root()
    {
        RootCommand root = new("Turns trained low-rank adapters into signed MeLo Edge bundles, and checks them.")
        {
            new KeygenCommand(),
            new Command("base", "Base packages: the frozen Vision Transformer that adapters change.") { new BaseImportCommand() },
            new PackCommand(),
            new SignCommand(),
            new VerifyCommand(),
            new InspectCommand(),
            new CheckCommand(),
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    // "adapter-packer base import": the command that was named, and those above it.
    private static string NameOf(ParseResult parsed)
    {
        List<string> names = [];
        for (CommandResult? at = parsed.CommandResult; at is not null; at = at.Parent as CommandResult)
            names.Insert(0, at.Parent is null ? "adapter-packer" : at.Command.Name);
        return string.Join(' ', names);
    }

    // A message quotes file names and arguments; an escape sequence in one must not reach the terminal.
    private static string OneLine(string text) => string.Concat(
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Select(c => char.IsControl(c) ? '?' : c));
}
