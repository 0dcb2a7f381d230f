namespace MeLo.Edge.Adapters;

/// <summary>
/// One task's adapter: the low-rank pairs of every block, their common scale, and the head.
/// Valid by construction: finite, consistent, and complete (every block from 0 has every target).
/// </summary>
public sealed class LoraAdapter
{
    /// <summary>Creates the adapter and checks that its parts belong together.</summary>
    /// <param name="scale">The factor s of W' = W + s·B·A; finite and not zero.</param>
    /// <param name="pairs">The pairs, in any order; one for each target of every block 0..depth-1. Ranks may differ.</param>
    /// <param name="head">The head, over features as wide as the blocks.</param>
    /// <param name="sliceHead">Of a task that takes volumes and asks for it, the linear layer over the head's logits of all slices, one slice's after the other's: LoRA-ViT's <c>proj_3d</c>.</param>
    /// <exception cref="AdapterException">They do not belong together; the message names the linear.</exception>
    public LoraAdapter(float scale, IReadOnlyList<LoraPair> pairs, TaskHead head, TaskHead? sliceHead = null)
    {
        if (sliceHead is not null && sliceHead.Dim % head.Classes != 0)
            throw AdapterException.Head($"found a layer over {sliceHead.Dim} logits of slices, expected a multiple of the head's {head.Classes} classes");
        if (!float.IsFinite(scale) || scale == 0)
            throw AdapterException.Adapter($"found scale {scale}, expected a finite number other than 0: such an adapter does nothing");
        if (pairs.Count == 0) throw AdapterException.Adapter("found no low-rank pair, expected one for each target of every layer");
        LoraPair[] sorted = [.. pairs.OrderBy(p => p.Target)];
        Scale = scale;
        Head = head;
        SliceHead = sliceHead;
        Pairs = sorted;
        Targets = [.. sorted.Select(p => p.Target.Linear).Distinct().Order()];
        Depth = sorted[^1].Target.Layer + 1;
        Rank = sorted.Max(p => p.Rank);
        LoraParameterCount = sorted.Sum(p => p.ParameterCount);
        CheckComplete(sorted);
        CheckWidths(sorted, head.Dim);
    }

    /// <summary>The largest rank of any pair.</summary>
    public int Rank { get; }

    /// <summary>The factor s of W' = W + s·B·A.</summary>
    public float Scale { get; }

    /// <summary>The number of blocks.</summary>
    public int Depth { get; }

    /// <summary>The linears that the adapter changes in every block, in the order of <see cref="VitLinear"/>.</summary>
    public IReadOnlyList<VitLinear> Targets { get; }

    /// <summary>The pairs, ordered by layer and then by linear.</summary>
    public IReadOnlyList<LoraPair> Pairs { get; }

    /// <summary>The task's head.</summary>
    public TaskHead Head { get; }

    /// <summary>The layer over the logits of all slices of a volume; null where there is none.</summary>
    public TaskHead? SliceHead { get; }

    /// <summary>The number of values in all A and B together: what the paper counts as trainable (147,456 for rank 4 on ViT-B).</summary>
    public long LoraParameterCount { get; }

    /// <summary>The size of the adapter in fp32 bytes: every A and B, and the heads.</summary>
    public long ByteLength => sizeof(float) * (LoraParameterCount + Head.Weight.Length + Head.Bias.Length + (SliceHead?.Weight.Length ?? 0) + (SliceHead?.Bias.Length ?? 0));

    // Sorted and complete means: exactly the sequence layer by layer, target by target.
    private void CheckComplete(LoraPair[] sorted)
    {
        for (int i = 1; i < sorted.Length; i++)
            if (sorted[i].Target == sorted[i - 1].Target) throw AdapterException.Linear(sorted[i].Target, "appears twice");
        for (int i = 0; i < sorted.Length; i++)
        {
            LinearId expected = new(i / Targets.Count, Targets[i % Targets.Count]);
            if (sorted[i].Target != expected)
                throw AdapterException.Linear(expected, $"is missing; expected {string.Join(" and ", Targets.Select(t => t.Name()))} in each of {Depth} layers");
        }
        if (sorted.Length != (long)Depth * Targets.Count)
            throw AdapterException.Linear(new LinearId(Depth - 1, Targets[^1]), $"is missing; expected {string.Join(" and ", Targets.Select(t => t.Name()))} in each of {Depth} layers");
    }

    private static void CheckWidths(LoraPair[] pairs, int dim)
    {
        int mlp = 0;
        foreach (LoraPair pair in pairs)
        {
            VitLinear linear = pair.Target.Linear;
            if (linear != VitLinear.Fc2 && pair.InFeatures != dim)
                throw AdapterException.Linear(pair.Target, $"found {pair.InFeatures} inputs, expected the {dim} features of the head");
            if (linear != VitLinear.Fc1 && pair.OutFeatures != dim)
                throw AdapterException.Linear(pair.Target, $"found {pair.OutFeatures} outputs, expected the {dim} features of the head");
            if (linear is not (VitLinear.Fc1 or VitLinear.Fc2)) continue;
            int width = linear == VitLinear.Fc1 ? pair.OutFeatures : pair.InFeatures;
            if (mlp != 0 && width != mlp) throw AdapterException.Linear(pair.Target, $"found an MLP width of {width}, expected {mlp} as in the other layers");
            mlp = width;
        }
    }
}
