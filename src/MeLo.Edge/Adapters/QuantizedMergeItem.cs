using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>One matrix to quantise, merged first where a pair changes it.</summary>
internal readonly unsafe struct QuantizedMergeItem
{
    /// <summary>Describes weights that a pair changes. Nothing is read or written until <see cref="QuantizedMerge"/> runs it.</summary>
    /// <param name="pristine">W, [in, out] row-major, as wide as the pair says; stays as it is.</param>
    /// <param name="destination">The quantised W', as <see cref="PackedMatrix"/> lays it out; must not overlap W. 64-byte alignment is fastest.</param>
    /// <param name="pair">A and B.</param>
    /// <param name="factor">The factor s of W' = W + s·AᵀBᵀ.</param>
    public QuantizedMergeItem(float* pristine, byte* destination, LoraPair pair, float factor)
        : this(pristine, pair.InFeatures, pair.OutFeatures, destination)
    {
        Pair = pair;
        Factor = factor;
    }

    /// <summary>Describes weights that are quantised as they are.</summary>
    /// <param name="pristine">W, [in, out] row-major; stays as it is.</param>
    /// <param name="inFeatures">The number of rows, at least 1.</param>
    /// <param name="outFeatures">The number of columns, at least 1.</param>
    /// <param name="destination">The quantised W, as <see cref="PackedMatrix"/> lays it out; must not overlap W. 64-byte alignment is fastest.</param>
    public QuantizedMergeItem(float* pristine, int inFeatures, int outFeatures, byte* destination)
    {
        Pristine = pristine;
        InFeatures = inFeatures;
        OutFeatures = outFeatures;
        Destination = destination;
    }

    /// <summary>W, [in, out] row-major.</summary>
    public float* Pristine { get; }

    /// <summary>The number of rows.</summary>
    public int InFeatures { get; }

    /// <summary>The number of columns.</summary>
    public int OutFeatures { get; }

    /// <summary>The quantised weights, as <see cref="Shape"/> lays them out.</summary>
    public byte* Destination { get; }

    /// <summary>The layout of the quantised weights.</summary>
    public PackedMatrix Shape => new(InFeatures, OutFeatures);

    /// <summary>A and B, or null for weights that are quantised as they are.</summary>
    public LoraPair? Pair { get; }

    /// <summary>The factor s.</summary>
    public float Factor { get; }
}
