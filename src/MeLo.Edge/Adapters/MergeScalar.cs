using System.Runtime.CompilerServices;

namespace MeLo.Edge.Adapters;

/// <summary>The merge written out plainly: what the vector kernels must reproduce bit for bit, and what runs where there are no vectors.</summary>
internal static unsafe class MergeScalar
{
    /// <summary>Merges rows [first, first + rows).</summary>
    public static void Rows(in LoraMergeItem item, int first, int rows)
    {
        int outFeatures = item.Pair.OutFeatures;
        for (int i = first; i < first + rows; i++)
        {
            for (int o = 0; o < outFeatures; o++)
            {
                long at = ((long)i * outFeatures) + o;
                item.Destination[at] = item.Pristine[at] + Sum(item.Pair, item.Scale, i, o);
            }
        }
    }

    /// <summary>
    /// What the pair adds to W[i,o]: the products s·A[k,i]·B[o,k], summed from zero in the order of k. That order is the definition:
    /// it does not depend on the vector width or the number of threads.
    /// </summary>
    public static float Sum(LoraPair pair, float scale, int i, int o)
    {
        int rank = pair.Rank, inFeatures = pair.InFeatures;
        float sum = 0;
        for (int k = 0; k < rank; k++)
            sum = MultiplyAdd(scale * pair.A[(k * inFeatures) + i], pair.B[(o * rank) + k], sum);
        return sum;
    }

    /// <summary>One rounding where the machine has it, two where it has not: as the vectors do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float sum) => MergeLanes128.IsFused ? MathF.FusedMultiplyAdd(a, b, sum) : (a * b) + sum;
}
