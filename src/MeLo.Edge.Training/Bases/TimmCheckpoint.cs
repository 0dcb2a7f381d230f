using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Bases;

/// <summary>A checkpoint under timm's names and in its layouts, so that PyTorch and <c>adapter-packer base import</c> read it alike.</summary>
internal static class TimmCheckpoint
{
    /// <summary>Writes one.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="values">Canonical weights by name, and <see cref="VitGraph.HeadWeight"/> and <see cref="VitGraph.HeadBias"/> where there is a head.</param>
    /// <param name="half">Whether the values are rounded to F16: half the size.</param>
    /// <param name="metadata">Strings that the file carries along.</param>
    public static void Write(Stream stream, VitArchitecture vit, IReadOnlyDictionary<string, float[]> values, bool half, IReadOnlyDictionary<string, string>? metadata = null)
    {
        int dim = vit.Dim;
        CheckpointNames names = CheckpointNames.Timm;
        List<TensorSource> tensors = [];
        if (vit.HasClassToken) Add(names.ClassToken, [1, 1, dim], values[CanonicalWeights.ClassToken]);
        Add(names.PositionEmbedding, [1, vit.Tokens, dim], values[CanonicalWeights.PositionEmbedding]);
        Add($"{names.PatchEmbedding}.weight", [dim, CanonicalWeights.Channels, vit.PatchSize, vit.PatchSize], values[CanonicalWeights.PatchEmbeddingWeight]);
        Add($"{names.PatchEmbedding}.bias", [dim], values[CanonicalWeights.PatchEmbeddingBias]);
        for (int layer = 0; layer < vit.Depth; layer++)
        {
            for (int norm = 1; norm <= 2; norm++)
                foreach (string part in (string[])["weight", "bias"])
                    Add(names.LayerName(layer, $"{names.LayerNorms[norm - 1]}.{part}"), [dim], values[CanonicalWeights.LayerNorm(layer, norm, part)]);
            AddLinear(layer, VitLinear.Query, VitLinear.Key, VitLinear.Value);
            foreach (VitLinear linear in (VitLinear[])[VitLinear.Output, VitLinear.Fc1, VitLinear.Fc2]) AddLinear(layer, linear);
        }
        if (vit.FinalNorm != VitFinalNorm.None)
        {
            string norm = vit.FinalNorm == VitFinalNorm.AfterPooling ? names.PooledNorm! : names.FinalNorm;
            Add($"{norm}.weight", [dim], values[CanonicalWeights.NormWeight]);
            Add($"{norm}.bias", [dim], values[CanonicalWeights.NormBias]);
        }
        if (values.TryGetValue(VitGraph.HeadWeight, out float[]? head))
        {
            int classes = head.Length / dim;
            Add("head.weight", [classes, dim], Transposition.Of(head, dim));
            Add("head.bias", [classes], values[VitGraph.HeadBias]);
        }
        SafetensorsWriter.Write(stream, tensors, metadata);

        // Several linears of one input go one below the other: [out, in].
        void AddLinear(int layer, params VitLinear[] linears)
        {
            string name = names.LayerName(layer, names.Linears[(int)linears[0]]);
            (int input, int output) = vit.LinearShape(linears[0]);
            Add($"{name}.weight", [output * linears.Length, input], [.. linears.SelectMany(l => Transposition.Of(values[CanonicalWeights.LinearWeight(new LinearId(layer, l))], input))]);
            if (CanonicalWeights.HasBias(vit, linears[0])) Add($"{name}.bias", [output * linears.Length], [.. linears.SelectMany(l => values[CanonicalWeights.LinearBias(new LinearId(layer, l))])]);
        }

        void Add(string name, long[] shape, float[] data) => tensors.Add(half ? Rounded(name, shape, data) : TensorSource.FromSingles(name, shape, data));
    }

    private static TensorSource Rounded(string name, long[] shape, float[] data) => new(name, ElementType.F16, shape, stream =>
    {
        Half[] rounded = [.. data.Select(value => (Half)value)];
        stream.Write(MemoryMarshal.AsBytes<Half>(rounded));
    });
}
