using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>The tensors of an <c>adapter_model.safetensors</c>, sorted out: an A and a B for each module, and the head. Nothing is left over.</summary>
internal sealed class PeftTensors
{
    /// <summary>The heads' names: Hugging Face's, timm's, base_vit's.</summary>
    private static readonly string[] s_heads = ["classifier", "head", "fc"];

    /// <summary>Where versions of PEFT put a saved module's tensors, behind its name.</summary>
    private static readonly string[] s_saved = ["", "modules_to_save.default.", "modules_to_save."];

    private static readonly string[] s_aNames = [".lora_A.weight", ".lora_A.default.weight"];
    private static readonly string[] s_bNames = [".lora_B.weight", ".lora_B.default.weight"];

    private readonly List<Pair> _modules = [];
    private readonly Dictionary<string, TensorView> _head = new(StringComparer.Ordinal);
    private string? _headName;

    /// <summary>The two matrices of one module.</summary>
    public sealed record Pair(PeftModule Module, TensorView A, TensorView B);

    /// <summary>The adapted modules, at least one.</summary>
    public IReadOnlyList<Pair> Modules => _modules;

    /// <summary>The head's <c>weight</c> and <c>bias</c>, as far as they are there.</summary>
    public IReadOnlyDictionary<string, TensorView> Head => _head;

    /// <summary>Sorts the tensors out.</summary>
    /// <exception cref="AdapterException">One is no part of a ViT's adapter, or a module lacks its A or B.</exception>
    public static PeftTensors Of(SafetensorsFile file, string prefix)
    {
        PeftTensors tensors = new();
        Dictionary<string, TensorView> a = new(StringComparer.Ordinal), b = new(StringComparer.Ordinal);
        foreach (TensorView tensor in file.Tensors.Values)
        {
            string name = tensor.Name.StartsWith(prefix, StringComparison.Ordinal) ? tensor.Name[prefix.Length..] : tensor.Name;
            bool taken = Take(name, s_aNames, tensor, a, file) || Take(name, s_bNames, tensor, b, file) || tensors.TakeHead(name, tensor, file);
            if (!taken) throw AdapterException.Tensor(file.Source, tensor.Name, "is neither a lora_A nor a lora_B of a linear nor the head's: the bundle would lose it");
        }
        foreach ((string path, TensorView tensor) in a)
        {
            PeftModule module = PeftModule.Recognise(path)
                ?? throw AdapterException.Tensor(file.Source, tensor.Name, "changes a module that is no linear of a ViT's block (query, key, value, attention output, fc1, fc2)");
            if (!b.Remove(path, out TensorView? other)) throw AdapterException.Tensor(file.Source, tensor.Name, "has no lora_B beside it");
            tensors._modules.Add(new Pair(module, tensor, other));
        }
        if (b.Count > 0) throw AdapterException.Tensor(file.Source, b.Values.First().Name, "has no lora_A beside it");
        if (tensors._modules.Count == 0) throw AdapterException.File(file.Source, "found no lora_A tensor, expected one for each adapted linear");
        return tensors;
    }

    private static bool Take(string name, string[] endings, TensorView tensor, Dictionary<string, TensorView> into, SafetensorsFile file)
    {
        foreach (string ending in endings)
        {
            if (!name.EndsWith(ending, StringComparison.Ordinal)) continue;
            if (!into.TryAdd(name[..^ending.Length], tensor)) throw AdapterException.Tensor(file.Source, tensor.Name, "is there twice under two names");
            return true;
        }
        return false;
    }

    private bool TakeHead(string name, TensorView tensor, SafetensorsFile file)
    {
        foreach (string head in s_heads)
        {
            if (!name.StartsWith(head + ".", StringComparison.Ordinal)) continue;
            string rest = name[(head.Length + 1)..];
            // Old versions of PEFT saved the untrained module too.
            if (rest is "original_module.weight" or "original_module.bias") return true;
            string? part = s_saved.Where(s => rest == s + "weight" || rest == s + "bias").Select(s => rest[s.Length..]).FirstOrDefault();
            if (part is null) return false;
            if (_headName is not null && _headName != head) throw AdapterException.Tensor(file.Source, tensor.Name, $"is a second head beside '{_headName}', expected one");
            if (!_head.TryAdd(part, tensor)) throw AdapterException.Tensor(file.Source, tensor.Name, "is there twice under two names");
            _headName = head;
            return true;
        }
        return false;
    }
}
