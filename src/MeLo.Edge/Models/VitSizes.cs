using System.Globalization;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Models;

/// <summary>
/// The sizes of Vision Transformers that have names. Sources: arXiv 2010.11929 table 1 (B, L, H), arXiv 2106.04560 table 2 (Ti, S, g,
/// G); head counts as in timm's <c>vision_transformer.py</c>. The weights do not tell the number of heads, so this table does.
/// </summary>
internal static partial class VitSizes
{
    private static readonly Size[] s_all =
    [
        new("vit_tiny", Dim: 192, Depth: 12, Heads: 3, MlpDim: 768),
        new("vit_small", Dim: 384, Depth: 12, Heads: 6, MlpDim: 1536),
        new("vit_base", Dim: 768, Depth: 12, Heads: 12, MlpDim: 3072),
        new("vit_large", Dim: 1024, Depth: 24, Heads: 16, MlpDim: 4096),
        new("vit_huge", Dim: 1280, Depth: 32, Heads: 16, MlpDim: 5120),
        new("vit_giant", Dim: 1408, Depth: 40, Heads: 16, MlpDim: 6144),
        new("vit_gigantic", Dim: 1664, Depth: 48, Heads: 16, MlpDim: 8192),
    ];

    public sealed record Size(string Name, int Dim, int Depth, int Heads, int MlpDim);

    /// <summary>The size with these numbers; all three must agree, for a wrong head count computes something else without failing.</summary>
    public static Size? Find(int dim, int depth, int mlpDim) =>
        Array.Find(s_all, s => s.Dim == dim && s.Depth == depth && s.MlpDim == mlpDim);

    public static VitArchitecture Named(string name)
    {
        Match match = NamePattern().Match(name);
        Size? size = match.Groups["dim"].Success
            ? new Size(match.Groups["size"].Value, Number("dim"), Number("depth"), Number("heads"), Number("mlp"))
            : Array.Find(s_all, s => s.Name == match.Groups["size"].Value);
        if (size is null)
            throw ModelException.Architecture(name,
                [$"expected {string.Join(", ", s_all.Select(s => s.Name))} or vit_d<dim>_l<depth>_h<heads>_m<mlp>, followed by _patch<P>_<image size> or _patch<P>_gap_<image size>"]);
        bool average = match.Groups["gap"].Success;
        VitArchitecture architecture = new()
        {
            ImageSize = Number("image"),
            PatchSize = Number("patch"),
            Dim = size.Dim,
            Depth = size.Depth,
            Heads = size.Heads,
            MlpDim = size.MlpDim,
            HasClassToken = !average,
            Pooling = average ? VitPooling.Average : VitPooling.ClassToken,
            FinalNorm = average ? VitFinalNorm.AfterPooling : VitFinalNorm.BeforePooling,
        };
        architecture.Validate();
        return architecture;

        int Number(string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(
        @"^(?<size>vit_(?:[a-z]+|d(?<dim>[0-9]{1,5})_l(?<depth>[0-9]{1,3})_h(?<heads>[0-9]{1,5})_m(?<mlp>[0-9]{1,5})))"
        + @"_patch(?<patch>[0-9]{1,4})(?<gap>_gap)?_(?<image>[0-9]{1,4})\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
