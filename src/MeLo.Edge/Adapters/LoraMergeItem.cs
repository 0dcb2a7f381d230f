namespace MeLo.Edge.Adapters;

/// <summary>One matrix to merge: where its pristine weights are, where the merged ones go, and what is added.</summary>
internal readonly unsafe struct LoraMergeItem
{
    /// <summary>Describes one merge. Nothing is read or written until <see cref="LoraMerge"/> runs it.</summary>
    /// <param name="pristine">W, [in, out] row-major, as wide as the pair says; stays as it is.</param>
    /// <param name="destination">W', of the same shape; must not overlap W. 64-byte alignment is fastest.</param>
    /// <param name="pair">A and B.</param>
    /// <param name="scale">The factor s of W' = W + s·AᵀBᵀ.</param>
    public LoraMergeItem(float* pristine, float* destination, LoraPair pair, float scale)
    {
        Pristine = pristine;
        Destination = destination;
        Pair = pair;
        Scale = scale;
    }

    /// <summary>W, [in, out] row-major.</summary>
    public float* Pristine { get; }

    /// <summary>W', [in, out] row-major.</summary>
    public float* Destination { get; }

    /// <summary>A and B.</summary>
    public LoraPair Pair { get; }

    /// <summary>The factor s.</summary>
    public float Scale { get; }
}
