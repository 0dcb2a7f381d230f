using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>A training library's checkpoint, opened and understood: its architecture, and where each canonical weight is.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const string ModelFile = "model.safetensors", ConfigFile = "config.json";

    // What wrapping a model in DistributedDataParallel, or in a training class of one's own, puts before every name; and "vit.",
    // by which Hugging Face's classifier holds its base.
    private static readonly string[] s_wrappers = ["module.", "model."];
    private const string HuggingFaceBase = "vit.";

    private readonly SafetensorsFile _file;

    private Checkpoint(
        SafetensorsFile file, string path, CheckpointNames names, CheckpointConfig? config, IReadOnlyDictionary<string, TensorView> tensors, int? heads)
    {
        _file = file;
        Path = path;
        Names = names;
        Tensors = tensors;
        CheckpointReader reader = new(file.Source, names, config, tensors);
        Weights = reader.Weights;
        Architecture = reader.WithHeads(heads);
        Ignored = [.. tensors.Keys.Where(names.IsIgnored).Order(StringComparer.Ordinal)];
    }

    /// <summary>The safetensors file.</summary>
    public string Path { get; }

    public CheckpointNames Names { get; }

    public VitArchitecture Architecture { get; }

    /// <summary>The tensors by name, wrappers' prefixes taken off.</summary>
    public IReadOnlyDictionary<string, TensorView> Tensors { get; }

    /// <summary>Where each canonical weight is, in byte order of the canonical names.</summary>
    public IReadOnlyList<CheckpointWeight> Weights { get; }

    /// <summary>Heads and the like, which a base does not have.</summary>
    public IReadOnlyList<string> Ignored { get; }

    /// <param name="path">A .safetensors file, or a folder with model.safetensors and config.json.</param>
    /// <param name="heads">The number of attention heads, where neither the configuration nor the size tells it.</param>
    /// <exception cref="ModelException">It is not a checkpoint of a Vision Transformer that is computed here.</exception>
    /// <exception cref="SafetensorsException">The file is not a well-formed safetensors file.</exception>
    public static Checkpoint Open(string path, int? heads)
    {
        string source = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(path));
        string model = path;
        string? config = null;
        if (Directory.Exists(path))
        {
            model = System.IO.Path.Combine(path, ModelFile);
            config = System.IO.Path.Combine(path, ConfigFile);
            foreach (string file in (string[])[model, config])
                if (!File.Exists(file))
                    throw ModelException.Checkpoint(source, $"found a folder without {System.IO.Path.GetFileName(file)}, expected {ModelFile} and {ConfigFile}");
        }
        else if (!File.Exists(path))
        {
            throw ModelException.Checkpoint(source, $"found nothing there, expected a .safetensors file or a folder with {ModelFile} and {ConfigFile}");
        }

        SafetensorsFile opened = SafetensorsFile.Open(model);
        try
        {
            IReadOnlyDictionary<string, TensorView> tensors = Unwrap(opened.Tensors);
            CheckpointNames names = CheckpointNames.Recognise([.. tensors.Keys])
                ?? throw ModelException.Checkpoint(opened.Source,
                    $"found {Some(tensors.Keys)}, expected the names of a Vision Transformer by timm (blocks.0.…), Hugging Face (encoder.layer.0.…) or LoRA-ViT (transformer.blocks.0.…)");
            if (config is null && names == CheckpointNames.HuggingFace)
                throw ModelException.Checkpoint(opened.Source,
                    $"found Hugging Face names in a file alone, expected the folder with {ModelFile} and {ConfigFile}: the number of heads and the epsilon stand in {ConfigFile}");
            return new Checkpoint(opened, model, names, config is null ? null : CheckpointConfig.Read(config, names), tensors, heads);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Takes a wrapper's prefix off when every tensor has it.</summary>
    private static IReadOnlyDictionary<string, TensorView> Unwrap(IReadOnlyDictionary<string, TensorView> tensors)
    {
        foreach (string wrapper in s_wrappers)
            if (tensors.Count > 0 && tensors.Keys.All(n => n.StartsWith(wrapper, StringComparison.Ordinal)))
                return Unwrap(tensors.ToDictionary(t => t.Key[wrapper.Length..], t => t.Value, StringComparer.Ordinal));
        // A classifier's head stands beside its base, not in it; a name that both would have keeps its prefix and is refused as extra.
        return tensors.ToDictionary(t => WithoutBase(t.Key), t => t.Value, StringComparer.Ordinal);

        string WithoutBase(string name) =>
            name.StartsWith(HuggingFaceBase, StringComparison.Ordinal) && !tensors.ContainsKey(name[HuggingFaceBase.Length..]) ? name[HuggingFaceBase.Length..] : name;
    }

    private static string Some(IEnumerable<string> names)
    {
        const int Shown = 5;
        string[] all = [.. names.Order(StringComparer.Ordinal)];
        if (all.Length == 0) return "no tensor";
        return string.Join(", ", all.Take(Shown)) + (all.Length > Shown ? $" and {all.Length - Shown} more" : "");
    }
}
