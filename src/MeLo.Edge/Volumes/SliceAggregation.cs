namespace MeLo.Edge.Volumes;

/// <summary>How the answers to a volume's slices become one.</summary>
public enum SliceAggregation
{
    /// <summary>The mean of the slices' logits, then the activation.</summary>
    MeanLogits,

    /// <summary>Of each class the largest logit of any slice, then the activation.</summary>
    MaxLogits,

    /// <summary>The mean of the slices' probabilities.</summary>
    MeanProbabilities,

    /// <summary>Of each class the largest probability of any slice; with softmax divided by their sum.</summary>
    MaxProbabilities,

    /// <summary>A linear layer over the slices' logits, one slice's after the other's, then the activation: LoRA-ViT's <c>proj_3d</c>. Its weights are in the bundle.</summary>
    Linear,
}
