using System.CommandLine;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Tools;

/// <summary>The option <c>--provider</c>: its names in any case, as the service takes them.</summary>
internal static class ProviderOption
{
    /// <summary>The option; the CPU by default.</summary>
    public static Option<string> Create(string description)
    {
        Option<string> option = new("--provider") { Description = description, DefaultValueFactory = _ => ExecutionProvider.Cpu.Name(), HelpName = string.Join('|', ExecutionProviders.Settings) };
        option.CompletionSources.Add([.. ExecutionProviders.Settings]);
        option.Validators.Add(result =>
        {
            string found = result.GetValueOrDefault<string>();
            if (!ExecutionProviders.TryParse(found, out _)) result.AddError($"--provider: found '{found}', expected {string.Join(" or ", ExecutionProviders.Settings)}.");
        });
        return option;
    }

    /// <summary>What was asked for; null leaves the choice to the engine.</summary>
    public static ExecutionProvider? Read(ParseResult parsed, Option<string> option)
    {
        _ = ExecutionProviders.TryParse(parsed.GetRequiredValue(option), out ExecutionProvider? asked); // the option takes no other
        return asked;
    }
}
