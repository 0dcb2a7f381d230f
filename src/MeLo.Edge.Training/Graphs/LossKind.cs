namespace MeLo.Edge.Training.Graphs;

/// <summary>What a model is trained to make small.</summary>
internal enum LossKind
{
    /// <summary>Of one class an image: -Σ Pₖ log softmax(x)ₖ.</summary>
    CrossEntropy,
    /// <summary>Of any number of labels an image: Σ Pₖ softplus(-xₖ) + Nₖ softplus(xₖ).</summary>
    BinaryCrossEntropy,
}
