using System.CommandLine;
using System.CommandLine.Parsing;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Data;

namespace AdapterTrainer;

/// <summary>The options that say what is trained on, and where it runs.</summary>
internal sealed class BaseOptions
{
    private readonly Option<string> _base = new("--base") { Description = "The base package that is adapted; it is only read.", Required = true, HelpName = "DIR" };

    private readonly Option<string> _preprocess = new("--preprocess")
    {
        Description = $"How a picture becomes the input: {string.Join(" or ", PreprocessRecipe.Presets.Keys)}, or a recipe as JSON or in a file.", DefaultValueFactory = _ => "half", HelpName = "PRESET_OR_JSON",
    };

    private readonly Option<string> _provider = ProviderOption.Create("Where the graphs run.");
    private readonly Option<int> _threads = ThreadsOption();

    /// <param name="command">The command that gets them.</param>
    public BaseOptions(Command command)
    {
        foreach (Option option in (Option[])[_base, _preprocess, _provider, _threads]) command.Add(option);
    }

    /// <summary>How many threads compute.</summary>
    public static Option<int> ThreadsOption()
    {
        // More than any machine has cores.
        const int Most = 1024;
        return new Option<int>("--threads")
        {
            Description = "Threads that compute; 0 for one a core.", DefaultValueFactory = _ => 0, HelpName = "N",
            CustomParser = result =>
            {
                int count = NumberOption.Count(result);
                if (count > Most) result.AddError($"--threads: found {count}, expected 0 to {Most}.");
                return count;
            },
        };
    }

    /// <summary>The base's folder.</summary>
    public string Folder(ParseResult parsed) => parsed.GetRequiredValue(_base);

    /// <summary>Opens the base and checks every weight: what is trained on another is worth nothing.</summary>
    /// <exception cref="ModelException">It is damaged.</exception>
    public BasePackage Open(ParseResult parsed)
    {
        BasePackage package = BasePackage.Open(Folder(parsed));
        try
        {
            package.CheckWeights();
            return package;
        }
        catch
        {
            package.Dispose();
            throw;
        }
    }

    /// <summary>The provider that was asked for.</summary>
    public ProviderChoice Provider(ParseResult parsed) => ProviderChoice.Make(ProviderOption.Read(parsed, _provider), device: null, _ => { });

    /// <summary>What is trained.</summary>
    public TrainingTask Task(ParseResult parsed, BasePackage package, ProviderChoice provider, Dataset dataset, Splits parts, TrainingSettings settings, long cacheBytes) => new(
        package.Architecture, package.Weights, package.Folder, package.Digest, dataset, parts, PreprocessOption.Resolve(parsed.GetRequiredValue(_preprocess), package.Architecture.ImageSize),
        settings, provider.Provider, parsed.GetValue(_threads), cacheBytes);
}
