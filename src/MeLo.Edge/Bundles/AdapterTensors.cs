using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Bundles;

/// <summary>The tensors of <c>adapter.safetensors</c>: <c>layers.&lt;i&gt;.&lt;linear&gt;.lora_a</c> [r,in], <c>.lora_b</c> [out,r], and the head.</summary>
internal static class AdapterTensors
{
    private const string LoraA = ".lora_a";
    private const string LoraB = ".lora_b";
    private const string HeadName = "head", SliceHeadName = "slice_head";
    private const string Weight = ".weight", Bias = ".bias";

    /// <summary>Reads the adapter that the description promises: every tensor it implies, none other.</summary>
    /// <exception cref="BundleException">The file holds something else; the message names the tensor.</exception>
    public static LoraAdapter Read(ReadOnlyMemory<byte> bytes, AdapterDescription description, string source)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Parse(bytes, BundleEntry.AdapterName);
            LoraAdapter adapter = new((float)description.Lora.Scale, ReadPairs(file, source), ReadHead(file, HeadName, source), HasSliceHead(file) ? ReadHead(file, SliceHeadName, source) : null);
            Match(adapter, description, source);
            return adapter;
        }
        catch (MeLoException e) when (e is SafetensorsException or AdapterException)
        {
            throw Refuse(source, e.Message, e);
        }
    }

    /// <summary>Checks that an adapter is the one that a description describes.</summary>
    /// <exception cref="BundleException">It is not.</exception>
    public static void Match(LoraAdapter adapter, AdapterDescription description, string source)
    {
        LoraDescription lora = description.Lora;
        if (adapter.Scale != (float)lora.Scale)
            throw Refuse(source, string.Create(CultureInfo.InvariantCulture, $"found scale {adapter.Scale}, expected {lora.Scale} as {BundleEntry.DescriptionName} says"));
        if (adapter.Rank != lora.Rank)
            throw Refuse(source, $"found {adapter.Rank} as the largest rank, expected {lora.Rank} as {BundleEntry.DescriptionName} says");
        if (!adapter.Targets.Order().SequenceEqual(lora.Targets.Order()))
            throw Refuse(source, $"found matrices for {Names(adapter.Targets)}, expected {Names(lora.Targets)} as {BundleEntry.DescriptionName} says");
        int labels = description.Head.Labels.Count;
        if (description.Input.Volume is not { Aggregation: SliceAggregation.Linear } volume)
        {
            if (adapter.SliceHead is not null) throw Refuse(source, $"found a layer over slices ({SliceHeadName}), expected none but for the aggregation linear of a volume in {BundleEntry.DescriptionName}");
            if (adapter.Head.Classes != labels) throw Refuse(source, $"found a head of {adapter.Head.Classes} classes, expected {labels}, the labels of {BundleEntry.DescriptionName}");
            return;
        }
        if (adapter.SliceHead is not { } head) throw Refuse(source, $"found no layer over slices ({SliceHeadName}), expected one for the aggregation linear in {BundleEntry.DescriptionName}");
        (int, int) found = (head.Classes, head.Dim), expected = (labels, volume.Pictures * adapter.Head.Classes);
        if (found != expected)
            throw Refuse(source, $"found a layer over slices of {found}, expected {expected} for {labels} labels and {volume.Pictures} slices of {adapter.Head.Classes} logits");
    }

    /// <summary>The file, always with the tensors in the same order.</summary>
    public static byte[] Write(LoraAdapter adapter)
    {
        List<TensorSource> tensors = [];
        foreach (LoraPair pair in adapter.Pairs)
        {
            tensors.Add(TensorSource.FromSingles(pair.Target + LoraA, [pair.Rank, pair.InFeatures], pair.A));
            tensors.Add(TensorSource.FromSingles(pair.Target + LoraB, [pair.OutFeatures, pair.Rank], pair.B));
        }
        Add(HeadName, adapter.Head);
        if (adapter.SliceHead is { } sliceHead) Add(SliceHeadName, sliceHead);
        return SafetensorsWriter.ToBytes(tensors);

        void Add(string name, TaskHead head)
        {
            tensors.Add(TensorSource.FromSingles(name + Weight, [head.Classes, head.Dim], head.Weight));
            tensors.Add(TensorSource.FromSingles(name + Bias, [head.Classes], head.Bias));
        }
    }

    private static bool HasSliceHead(SafetensorsFile file) => file.Tensors.ContainsKey(SliceHeadName + Weight) || file.Tensors.ContainsKey(SliceHeadName + Bias);

    private static List<LoraPair> ReadPairs(SafetensorsFile file, string source)
    {
        List<LoraPair> pairs = [];
        foreach (string name in file.Tensors.Keys)
        {
            if (name is HeadName + Weight or HeadName + Bias or SliceHeadName + Weight or SliceHeadName + Bias) continue;
            bool isB = name.EndsWith(LoraB, StringComparison.Ordinal);
            if (!isB && !name.EndsWith(LoraA, StringComparison.Ordinal) || !LinearId.TryParse(name.AsSpan(0, name.Length - LoraA.Length), out LinearId target))
                throw Refuse(source, $"{BundleEntry.AdapterName}: found a tensor '{PrintableText.Of(name)}', expected layers.<i>.<linear>.lora_a and .lora_b, {HeadName}{Weight} and {HeadName}{Bias}");
            // Both halves are read at lora_a; a lora_b must have its lora_a.
            TensorView a = file[target + LoraA];
            if (isB) continue;
            TensorView b = file[target + LoraB];
            (long rank, long inFeatures) = Matrix(a, source);
            (long outFeatures, long rankB) = Matrix(b, source);
            if (rank != rankB) throw Refuse(source, $"{BundleEntry.AdapterName}: '{b.Name}' is {b.ShapeText}, expected [{outFeatures},{rank}] for '{a.Name}' {a.ShapeText}");
            pairs.Add(new LoraPair(target, (int)rank, (int)inFeatures, (int)outFeatures, Values(a, source), Values(b, source)));
        }
        return pairs;
    }

    private static TaskHead ReadHead(SafetensorsFile file, string name, string source)
    {
        TensorView weight = file[name + Weight];
        TensorView bias = file[name + Bias];
        (long classes, long dim) = Matrix(weight, source);
        if (bias.Shape.Count != 1 || bias.Shape[0] != classes)
            throw Refuse(source, $"{BundleEntry.AdapterName}: '{bias.Name}' is {bias.ShapeText}, expected [{classes}] for '{weight.Name}' {weight.ShapeText}");
        return new TaskHead((int)classes, (int)dim, Values(weight, source), Values(bias, source));
    }

    // A dimension of a tensor with elements is at most its length in bytes, so the casts of the callers are safe; one without is refused.
    private static (long Rows, long Columns) Matrix(TensorView tensor, string source) =>
        tensor.Shape.Count == 2 && tensor.ElementCount > 0
            ? (tensor.Shape[0], tensor.Shape[1])
            : throw Refuse(source, $"{BundleEntry.AdapterName}: '{tensor.Name}' is {tensor.ShapeText}, expected a matrix");

    private static float[] Values(TensorView tensor, string source) => tensor.Type is ElementType.F32 or ElementType.F16 or ElementType.BF16
        ? tensor.ToSingles()
        : throw Refuse(source, $"{BundleEntry.AdapterName}: '{tensor.Name}' is {tensor.Type}, expected F32, F16 or BF16");

    private static string Names(IEnumerable<VitLinear> targets) => string.Join(", ", targets.Order().Select(t => t.Name()));

    private static BundleException Refuse(string source, string fault, Exception? inner = null) =>
        BundleException.Of(BundleRefusal.InvalidAdapter, source, fault, inner);
}
