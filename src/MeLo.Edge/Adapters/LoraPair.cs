using System.Numerics.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>
/// The two low-rank matrices beside one linear: its weight changes by scale·B·A (Hu et al., arXiv 2106.09685, section 4.1).
/// Immutable by contract: nobody writes into <see cref="A"/> or <see cref="B"/> once they are here.
/// </summary>
public sealed class LoraPair
{
    /// <summary>Creates the pair and checks it.</summary>
    /// <param name="target">The linear that the pair changes.</param>
    /// <param name="rank">The rank r, at least 1.</param>
    /// <param name="inFeatures">The linear's input width, at least 1.</param>
    /// <param name="outFeatures">The linear's output width, at least 1.</param>
    /// <param name="a">A, [rank, inFeatures] row-major, finite.</param>
    /// <param name="b">B, [outFeatures, rank] row-major, finite.</param>
    /// <exception cref="AdapterException">A length does not fit, or a value is not finite.</exception>
    public LoraPair(LinearId target, int rank, int inFeatures, int outFeatures, float[] a, float[] b)
    {
        if (target.Layer < 0) throw AdapterException.Linear(target, $"found layer {target.Layer}, expected 0 or more");
        if (rank < 1) throw AdapterException.Linear(target, $"found rank {rank}, expected at least 1");
        if (inFeatures < 1 || outFeatures < 1)
            throw AdapterException.Linear(target, $"found {inFeatures} inputs and {outFeatures} outputs, expected at least 1 of each");
        if (a.Length != (long)rank * inFeatures)
            throw AdapterException.Linear(target, $"found {a.Length} values in A, expected [{rank},{inFeatures}]");
        if (b.Length != (long)outFeatures * rank)
            throw AdapterException.Linear(target, $"found {b.Length} values in B, expected [{outFeatures},{rank}]");
        if (!TensorPrimitives.IsFiniteAll<float>(a)) throw AdapterException.Linear(target, "A holds a value that is not finite");
        if (!TensorPrimitives.IsFiniteAll<float>(b)) throw AdapterException.Linear(target, "B holds a value that is not finite");
        Target = target;
        Rank = rank;
        InFeatures = inFeatures;
        OutFeatures = outFeatures;
        A = a;
        B = b;
    }

    /// <summary>The linear that the pair changes.</summary>
    public LinearId Target { get; }

    /// <summary>The rank r.</summary>
    public int Rank { get; }

    /// <summary>The linear's input width.</summary>
    public int InFeatures { get; }

    /// <summary>The linear's output width.</summary>
    public int OutFeatures { get; }

    /// <summary>A, [rank, inFeatures], row-major.</summary>
    public float[] A { get; }

    /// <summary>B, [outFeatures, rank], row-major.</summary>
    public float[] B { get; }

    /// <summary>The number of values in both matrices.</summary>
    public long ParameterCount => (long)A.Length + B.Length;
}
