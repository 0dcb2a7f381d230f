using System.Globalization;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>How the tokens of the last block become one feature vector. Source: timm, <c>VisionTransformer.global_pool</c>.</summary>
public enum VitPooling
{
    /// <summary>The class token.</summary>
    ClassToken,
    /// <summary>The mean of the patch tokens; a class token, where there is one, is left out.</summary>
    Average,
}

/// <summary>Where the last layer normalisation stands. Source: timm, <c>VisionTransformer.norm</c> and <c>fc_norm</c>.</summary>
public enum VitFinalNorm
{
    /// <summary>Over every token, before pooling (<c>norm</c>).</summary>
    BeforePooling,
    /// <summary>Over the pooled vector (<c>fc_norm</c>).</summary>
    AfterPooling,
    /// <summary>Nowhere.</summary>
    None,
}

/// <summary>
/// The shape of a pre-norm Vision Transformer (Dosovitskiy et al., arXiv 2010.11929) as timm's <c>VisionTransformer</c> builds it:
/// square RGB images cut into square patches, learned position embedding, GELU by the error function.
/// </summary>
public sealed record VitArchitecture
{
    /// <summary>The layer normalisation epsilon of timm's Vision Transformers and of LoRA-ViT's <c>base_vit</c>.</summary>
    public const float TimmLayerNormEpsilon = 1e-6f;

    // Far above any published model (ViT-22B has width 6144 and depth 48); products of these stay within 64 bits.
    internal const int MaxDim = 65536;

    private const int MaxImageSize = 8192, MaxDepth = 512;

    // The inputs of the patch embedding where one patch is the whole of the largest image.
    internal const int MaxPatchFeatures = CanonicalWeights.Channels * MaxImageSize * MaxImageSize;

    // One weight stays within the 2 GiB that a span of bytes can cover.
    private const long MaxElements = int.MaxValue / sizeof(float);

    /// <summary>Height and width of the image in pixels; a multiple of <see cref="PatchSize"/>.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Height and width of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>The width of a token.</summary>
    public required int Dim { get; init; }

    /// <summary>The number of transformer blocks.</summary>
    public required int Depth { get; init; }

    /// <summary>The number of attention heads; divides <see cref="Dim"/>.</summary>
    public required int Heads { get; init; }

    /// <summary>The width inside the MLP: dim times the MLP ratio (4, but 48/11 for ViT-g and 64/13 for ViT-G).</summary>
    public required int MlpDim { get; init; }

    /// <summary>The epsilon of every layer normalisation.</summary>
    public float LayerNormEpsilon { get; init; } = TimmLayerNormEpsilon;

    /// <summary>Whether the query, key and value projections have a bias.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Whether a learned class token stands before the patches.</summary>
    public bool HasClassToken { get; init; } = true;

    /// <summary>How the tokens become one vector.</summary>
    public VitPooling Pooling { get; init; } = VitPooling.ClassToken;

    /// <summary>Where the last layer normalisation stands.</summary>
    public VitFinalNorm FinalNorm { get; init; } = VitFinalNorm.BeforePooling;

    /// <summary>
    /// timm's name for a known size, such as <c>vit_base_patch16_224</c>; otherwise one made of the numbers in the same manner,
    /// such as <c>vit_d64_l3_h4_m256_patch8_32</c>. <c>gap</c> before the image size says average pooling.
    /// </summary>
    public string Name
    {
        get
        {
            string size = VitSizes.Find(Dim, Depth, MlpDim) is { } known && known.Heads == Heads
                ? known.Name
                : string.Create(CultureInfo.InvariantCulture, $"vit_d{Dim}_l{Depth}_h{Heads}_m{MlpDim}");
            string pooling = Pooling == VitPooling.Average ? "_gap" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{size}_patch{PatchSize}{pooling}_{ImageSize}");
        }
    }

    /// <summary>The number of patches along one side.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>The number of tokens: one a patch, and the class token.</summary>
    public int Tokens => (Grid * Grid) + PrefixTokens;

    /// <summary>The number of tokens before the patches: 1 with a class token, else 0.</summary>
    public int PrefixTokens => HasClassToken ? 1 : 0;

    /// <summary>The width of one attention head.</summary>
    public int HeadDim => Dim / Heads;

    /// <summary>The number of weights, heads of tasks left out: 85,798,656 for ViT-B/16 at 224.</summary>
    public long ParameterCount => CanonicalWeights.Of(this).Sum(t => t.ElementCount);

    /// <summary>The input and output width of a linear.</summary>
    public (int In, int Out) LinearShape(VitLinear linear) => linear switch
    {
        VitLinear.Fc1 => (Dim, MlpDim),
        VitLinear.Fc2 => (MlpDim, Dim),
        _ => (Dim, Dim),
    };

    /// <summary>
    /// The architecture that has a name of the form of <see cref="Name"/>: a known size by timm's name, <c>vit_tiny_patch16_224</c>,
    /// <c>vit_giant_patch14_gap_224</c>, or one by its numbers, any patch and image size. What a name does not say is as timm has it.
    /// </summary>
    /// <exception cref="ModelException">It is no such name.</exception>
    public static VitArchitecture Named(string name) => VitSizes.Named(name);

    /// <summary>Checks every number, and that they fit each other; all faults are reported together.</summary>
    /// <exception cref="ModelException">One or more do not.</exception>
    public void Validate()
    {
        List<string> faults = [];
        Range(nameof(ImageSize), ImageSize, MaxImageSize);
        Range(nameof(PatchSize), PatchSize, MaxImageSize);
        Range(nameof(Dim), Dim, MaxDim);
        Range(nameof(Depth), Depth, MaxDepth);
        Range(nameof(Heads), Heads, MaxDim);
        Range(nameof(MlpDim), MlpDim, MaxDim);
        if (PatchSize > 0 && ImageSize % PatchSize != 0) faults.Add($"found image size {ImageSize}, expected a multiple of the patch size {PatchSize}");
        if (Heads > 0 && Dim % Heads != 0) faults.Add($"found {Heads} heads, expected a number that divides the width {Dim}");
        if (!(LayerNormEpsilon is > 0 and < 1)) faults.Add($"found layer norm epsilon {LayerNormEpsilon}, expected a number between 0 and 1");
        if (!HasClassToken && Pooling == VitPooling.ClassToken) faults.Add("found class token pooling without a class token, expected average pooling");
        if (faults.Count == 0 && CanonicalWeights.Of(this).MaxBy(w => w.ElementCount) is { ElementCount: > MaxElements } largest)
            faults.Add($"found {largest.ElementCount} elements in {largest.Name}, expected at most {MaxElements}");
        if (!Enum.IsDefined(Pooling)) faults.Add($"found the unknown pooling {(int)Pooling}");
        if (!Enum.IsDefined(FinalNorm)) faults.Add($"found the unknown place {(int)FinalNorm} of the final norm");
        if (faults.Count > 0) throw ModelException.Architecture(PatchSize > 0 ? Name : "vit", faults);

        void Range(string what, int value, int max)
        {
            if (value < 1 || value > max) faults.Add($"found {what} {value}, expected 1 to {max}");
        }
    }
}
