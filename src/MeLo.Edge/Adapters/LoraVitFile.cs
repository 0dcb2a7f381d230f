using System.Globalization;
using System.Text.RegularExpressions;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>
/// Adapters as LoRA-ViT saves them (github.com/JamesQFreeman/LoRA-ViT, <c>save_lora_parameters</c>): <c>w_a_000</c>… [r, dim] and
/// <c>w_b_000</c>… [dim, r], an even index for a block's query and the odd one after it for its value, and the head
/// <c>fc_&lt;in&gt;in_&lt;out&gt;out</c> [out, in]. Rank and alpha stand in the file's name only, the head's bias nowhere.
/// </summary>
public static partial class LoraVitFile
{
    private const string APrefix = "w_a_", BPrefix = "w_b_";

    /// <summary>Reads an adapter.</summary>
    /// <param name="path">The safetensors file.</param>
    /// <param name="rank">The rank; null takes it from a name that ends in <c>_rank_alpha</c>, or else from the tensors. It must be the tensors'.</param>
    /// <param name="alpha">Alpha; null takes it from such a name.</param>
    /// <param name="headBias">The head's bias, [classes]; null means zero.</param>
    /// <exception cref="AdapterException">The file holds no whole adapter, or its scale, the integer quotient alpha // rank, is 0.</exception>
    /// <exception cref="SafetensorsException">The file is not a well-formed safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ImportedAdapter Read(string path, int? rank = null, int? alpha = null, float[]? headBias = null)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Inventory tensors = Inventory.Of(file);
        LoraPair[] pairs = ReadPairs(file, tensors);
        TaskHead head = ReadHead(file, tensors.Head!, headBias);
        (int? namedRank, int? namedAlpha) = FromName(path);
        int fileRank = pairs[0].Rank;
        int statedRank = rank ?? namedRank ?? fileRank;
        if (statedRank != fileRank)
            throw AdapterException.File(file.Source, $"found rank {fileRank} in the tensors, expected {statedRank} as {(rank is null ? "the file's name says" : "was given")}");
        int usedAlpha = alpha ?? namedAlpha
            ?? throw AdapterException.File(file.Source, "found no alpha, expected a name that ends in _<rank>_<alpha>.safetensors or an alpha given");
        // lora.py: (self.alpha // self.r) * w_b(w_a(x)).
        int scale = usedAlpha > 0 ? usedAlpha / fileRank : 0;
        if (scale == 0)
            throw AdapterException.File(file.Source, $"found alpha {usedAlpha} and rank {fileRank}, expected alpha // rank of at least 1: at a scale of 0 the adapter does nothing");
        try
        {
            return new ImportedAdapter(new LoraAdapter(scale, pairs, head), usedAlpha, ImportedAdapter.LoraVitSource, headBias is null ? ImportedAdapter.ZeroBias : ImportedAdapter.FileBias);
        }
        catch (AdapterException e)
        {
            throw AdapterException.File(file.Source, e.Message, e);
        }
    }

    private static LoraPair[] ReadPairs(SafetensorsFile file, Inventory tensors)
    {
        LoraPair[] pairs = new LoraPair[tensors.Count];
        TensorView first = file[Name(APrefix, 0)];
        if (first.Shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue])
            throw AdapterException.Tensor(file.Source, first.Name, $"found shape {first.ShapeText}, expected [rank,dim]");
        (int rank, int dim) = ((int)first.Shape[0], (int)first.Shape[1]);
        for (int i = 0; i < pairs.Length; i++)
        {
            LinearId target = new(i / 2, i % 2 == 0 ? VitLinear.Query : VitLinear.Value);
            TensorView a = Shaped(file, Name(APrefix, i), rank, dim), b = Shaped(file, Name(BPrefix, i), dim, rank);
            pairs[i] = new LoraPair(target, rank, dim, dim, Finite(file, a), Finite(file, b));
        }
        return pairs;
    }

    private static TaskHead ReadHead(SafetensorsFile file, string name, float[]? bias)
    {
        Match match = HeadName().Match(name);
        if (!int.TryParse(match.Groups["in"].ValueSpan, CultureInfo.InvariantCulture, out int inFeatures)
            || !int.TryParse(match.Groups["out"].ValueSpan, CultureInfo.InvariantCulture, out int classes))
            throw AdapterException.Tensor(file.Source, name, "the numbers in its name are too large");
        TensorView weight = Shaped(file, name, classes, inFeatures);
        if (bias is not null && bias.Length != classes)
            throw AdapterException.File(file.Source, $"found a head bias of {bias.Length} values, expected {classes} as the head has classes");
        return new TaskHead(classes, inFeatures, Finite(file, weight), bias ?? new float[classes]);
    }

    private static TensorView Shaped(SafetensorsFile file, string name, int rows, int columns)
    {
        TensorView tensor = file[name];
        return tensor.Shape.Count == 2 && tensor.Shape[0] == rows && tensor.Shape[1] == columns
            ? tensor
            : throw AdapterException.Tensor(file.Source, name, $"found shape {tensor.ShapeText}, expected [{rows},{columns}]");
    }

    private static float[] Finite(SafetensorsFile file, TensorView tensor) =>
        tensor.IsFinite() ? tensor.ToSingles() : throw AdapterException.Tensor(file.Source, tensor.Name, "holds a value that is not finite");

    private static (int? Rank, int? Alpha) FromName(string path)
    {
        Match match = RankAndAlpha().Match(Path.GetFileNameWithoutExtension(path));
        return match.Success
            && int.TryParse(match.Groups["rank"].ValueSpan, CultureInfo.InvariantCulture, out int rank)
            && int.TryParse(match.Groups["alpha"].ValueSpan, CultureInfo.InvariantCulture, out int alpha)
            ? (rank, alpha)
            : (null, null);
    }

    // lora.py numbers with "{i:03d}".
    private static string Name(string prefix, int index) => prefix + index.ToString("000", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"_(?<rank>[0-9]+)_(?<alpha>[0-9]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex RankAndAlpha();

    [GeneratedRegex(@"^fc_(?<in>[0-9]+)in_(?<out>[0-9]+)out\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeadName();

    /// <summary>The names of the file, found complete: as many A as B, numbered from 0 without a gap, one head, nothing else.</summary>
    private sealed record Inventory(int Count, string? Head)
    {
        public static Inventory Of(SafetensorsFile file)
        {
            HashSet<string> a = Numbered(file, APrefix), b = Numbered(file, BPrefix);
            string[] heads = [.. file.Tensors.Keys.Where(n => HeadName().IsMatch(n))];
            if (a.Count == 0 && b.Count == 0) throw AdapterException.File(file.Source, "found no w_a_000, expected LoRA-ViT's w_a_… and w_b_… tensors");
            if (b.Count == 0)
                throw AdapterException.File(file.Source, $"found {a.Count} w_a_… tensors and no w_b_…, expected as many of each: B is missing, so there is nothing to add to the weights");
            if (a.Count == 0) throw AdapterException.File(file.Source, $"found {b.Count} w_b_… tensors and no w_a_…, expected as many of each");
            foreach ((string prefix, HashSet<string> names) in ((string, HashSet<string>)[])[(APrefix, a), (BPrefix, b)])
                for (int i = 0; i < Math.Max(a.Count, b.Count); i++)
                    if (!names.Contains(Name(prefix, i)))
                        throw AdapterException.Tensor(file.Source, Name(prefix, i), $"is missing; found {a.Count} w_a_… and {b.Count} w_b_…, expected both numbered from 000 without a gap");
            if (a.Count % 2 != 0) throw AdapterException.File(file.Source, $"found {a.Count} w_a_… tensors, expected an even number: query and value of each block");
            if (heads.Length != 1)
                throw AdapterException.File(file.Source, $"found {(heads.Length == 0 ? "no" : heads.Length)} head, expected one fc_<in>in_<out>out tensor: without it the adapter names no classes");
            string? other = file.Tensors.Keys.Except(a).Except(b).Except(heads).Order(StringComparer.Ordinal).FirstOrDefault();
            if (other is not null) throw AdapterException.Tensor(file.Source, other, "is not part of a LoRA-ViT adapter (w_a_…, w_b_…, fc_…)");
            return new Inventory(a.Count, heads[0]);
        }

        private static HashSet<string> Numbered(SafetensorsFile file, string prefix) => file.Tensors.Keys
            .Where(n => n.Length >= prefix.Length + 3 && n.StartsWith(prefix, StringComparison.Ordinal) && n.AsSpan(prefix.Length).IndexOfAnyExceptInRange('0', '9') < 0)
            .ToHashSet(StringComparer.Ordinal);
    }
}
