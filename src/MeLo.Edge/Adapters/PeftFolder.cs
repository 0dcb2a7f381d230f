using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>
/// Adapters as Hugging Face PEFT saves them: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, LoRA and
/// rsLoRA, any of a block's linears, ranks and alphas by pattern, the classifier among the saved modules.
/// </summary>
public static class PeftFolder
{
    private const string WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.";

    /// <summary>Reads an adapter.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="depth">
    /// The number of blocks of the base; null takes the highest one in the file. Needed when the adapter leaves blocks out
    /// (<c>layers_to_transform</c> and its like): those get a pair of zeros.
    /// </param>
    /// <param name="headBias">A bias, [classes], for a classifier that has none of its own; null means zero.</param>
    /// <exception cref="AdapterException">The folder holds no whole adapter, or one whose arithmetic is not W + s·B·A.</exception>
    /// <exception cref="SafetensorsException">The tensor file is malformed.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static ImportedAdapter Read(string folder, int? depth = null, float[]? headBias = null)
    {
        PeftConfig config = PeftConfig.Read(folder);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, WeightsName));
        PeftTensors tensors = PeftTensors.Of(file, Prefix);
        CheckTargets(config, tensors);
        float scale = (float)config.Scale;
        List<LoraPair> pairs = [.. tensors.Modules.SelectMany(m => Pairs(file, config, m))];
        if (config.LeavesLayersOut || depth > pairs.Max(p => p.Target.Layer) + 1) FillUp(file, config, pairs, depth);
        (TaskHead head, string biasSource) = PeftHead.Read(file, tensors.Head, headBias);
        try
        {
            return new ImportedAdapter(new LoraAdapter(scale, pairs, head), config.Alpha, ImportedAdapter.PeftSource, biasSource);
        }
        catch (AdapterException e)
        {
            throw AdapterException.File(file.Source, e.Message, e);
        }
    }

    private static IEnumerable<LoraPair> Pairs(SafetensorsFile file, PeftConfig config, PeftTensors.Pair tensors)
    {
        PeftModule module = tensors.Module;
        if (tensors.A.Shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue])
            throw AdapterException.Tensor(file.Source, tensors.A.Name, $"found shape {tensors.A.ShapeText}, expected [rank,in]");
        (int rank, int inFeatures) = ((int)tensors.A.Shape[0], (int)tensors.A.Shape[1]);
        if (tensors.B.Shape is not [> 0 and <= int.MaxValue, _] || tensors.B.Shape[1] != rank || tensors.B.Shape[0] % module.Linears.Count != 0)
            throw AdapterException.Tensor(file.Source, tensors.B.Name, $"found shape {tensors.B.ShapeText}, expected [{(module.IsFused ? "3*dim" : "out")},{rank}]");
        float[] a = Finite(file, tensors.A), b = Finite(file, tensors.B);
        // The adapter has one scale; what a module's own differs by goes into its B.
        double factor = config.ScaleFor(module.Path, rank) / config.Scale;
        if (factor != 1)
            for (int i = 0; i < b.Length; i++) b[i] = (float)(b[i] * factor);
        int outFeatures = (int)tensors.B.Shape[0] / module.Linears.Count;
        for (int part = 0; part < module.Linears.Count; part++)
            yield return new LoraPair(new LinearId(module.Layer, module.Linears[part]), rank, inFeatures, outFeatures, a, b[(part * outFeatures * rank)..((part + 1) * outFeatures * rank)]);
    }

    // An adapter's linears are the same in every block; a block that training left alone gets a pair that adds nothing.
    private static void FillUp(SafetensorsFile file, PeftConfig config, List<LoraPair> pairs, int? depth)
    {
        if (!config.LeavesLayersOut)
            throw AdapterException.File(file.Source, $"found {pairs.Max(p => p.Target.Layer) + 1} layers, expected {depth} as the base has: {PeftConfig.FileName} leaves none out");
        if (depth is null)
            throw AdapterException.File(file.Source, $"{PeftConfig.FileName} chooses layers, expected the base's number of layers given with it");
        HashSet<LinearId> present = [.. pairs.Select(p => p.Target)];
        foreach (LoraPair model in pairs.GroupBy(p => p.Target.Linear).Select(g => g.First()).ToArray())
            for (int layer = 0; layer < depth; layer++)
            {
                LinearId target = new(layer, model.Target.Linear);
                if (present.Contains(target)) continue;
                pairs.Add(new LoraPair(target, 1, model.InFeatures, model.OutFeatures, new float[model.InFeatures], new float[model.OutFeatures]));
            }
    }

    private static void CheckTargets(PeftConfig config, PeftTensors tensors)
    {
        foreach (string target in config.TargetModules ?? [])
        {
            bool found = tensors.Modules.Any(m => m.Module.Path == target || m.Module.Path.EndsWith("." + target, StringComparison.Ordinal));
            if (!found) throw AdapterException.Member(PeftConfig.FileName, "target_modules", $"found '{target}', expected tensors for it in {WeightsName}");
        }
    }

    private static float[] Finite(SafetensorsFile file, TensorView tensor) =>
        tensor.IsFinite() ? tensor.ToSingles() : throw AdapterException.Tensor(file.Source, tensor.Name, "holds a value that is not finite");
}
