using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>One matrix to write in a narrower form than binary32, merged first where a pair changes it: <see cref="QuantizedMerge"/>, <see cref="HalfMerge"/>.</summary>
internal readonly unsafe struct RoundedMergeItem
{
    /// <summary>Describes weights that a pair changes. Nothing is read or written until a merge runs it.</summary>
    /// <param name="pristine">W, [in, out] row-major, as wide as the pair says; stays as it is.</param>
    /// <param name="destination">The narrower W'; must not overlap W. 64-byte alignment is fastest.</param>
    /// <param name="pair">A and B.</param>
    /// <param name="factor">The factor s of W' = W + s·AᵀBᵀ.</param>
    public RoundedMergeItem(float* pristine, byte* destination, LoraPair pair, float factor)
        : this(pristine, pair.InFeatures, pair.OutFeatures, destination)
    {
        Pair = pair;
        Factor = factor;
    }

    /// <summary>Describes weights that are written as they are.</summary>
    /// <param name="pristine">W, [in, out] row-major; stays as it is.</param>
    /// <param name="inFeatures">The number of rows, at least 1.</param>
    /// <param name="outFeatures">The number of columns, at least 1.</param>
    /// <param name="destination">The narrower W; must not overlap W. 64-byte alignment is fastest.</param>
    public RoundedMergeItem(float* pristine, int inFeatures, int outFeatures, byte* destination)
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

    /// <summary>The narrower weights, in the form that the merge writes.</summary>
    public byte* Destination { get; }

    /// <summary>The layout of quantised weights of this shape.</summary>
    public PackedMatrix Packed => new(InFeatures, OutFeatures);

    /// <summary>A and B, or null for weights that are written as they are.</summary>
    public LoraPair? Pair { get; }

    /// <summary>The factor s.</summary>
    public float Factor { get; }

    /// <summary>Refuses a description that cannot be run.</summary>
    /// <param name="byteLength">The bytes that will be written.</param>
    /// <exception cref="ArgumentException">A pointer is null, a width is less than 1, or what is written overlaps the weights.</exception>
    public void Check(long byteLength)
    {
        string name = Pair is { } pair ? $"{pair.Target}" : "plain weights";
        if (Pristine == null || Destination == null) throw new ArgumentException($"{name}: a pointer is null.");
        if (InFeatures < 1 || OutFeatures < 1) throw new ArgumentException($"{name}: found [{InFeatures},{OutFeatures}], expected at least 1 of each.");
        byte* weights = (byte*)Pristine;
        if (weights < Destination + byteLength && Destination < weights + ((long)InFeatures * OutFeatures * sizeof(float)))
            throw new ArgumentException($"{name}: the destination overlaps the pristine weights.");
    }
}
