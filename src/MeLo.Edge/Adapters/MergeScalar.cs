using System.Runtime.CompilerServices;

namespace MeLo.Edge.Adapters;

/// <summary>The merge written out plainly: what the vector kernels must reproduce bit for bit, and what runs where there are no vectors.</summary>
internal static unsafe class MergeScalar
{
    /// <summary>
    /// Merges rows [first, first + rows): for each element, the products s·A[k,i]·B[o,k] are summed from zero in the order of k, and
    /// the sum is added to W[i,o]. That order is the definition: it does not depend on the vector width or the number of threads.
    /// </summary>
    public static void Rows(in LoraMergeItem item, int first, int rows)
    {
        LoraPair pair = item.Pair;
        int rank = pair.Rank, inFeatures = pair.InFeatures, outFeatures = pair.OutFeatures;
        for (int i = first; i < first + rows; i++)
        {
            for (int o = 0; o < outFeatures; o++)
            {
                float sum = 0;
                for (int k = 0; k < rank; k++)
                    sum = MultiplyAdd(item.Scale * pair.A[(k * inFeatures) + i], pair.B[(o * rank) + k], sum);
                long at = ((long)i * outFeatures) + o;
                item.Destination[at] = item.Pristine[at] + sum;
            }
        }
    }

    /// <summary>One rounding where the machine has it, two where it has not: as the vectors do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float sum) => MergeLanes128.IsFused ? MathF.FusedMultiplyAdd(a, b, sum) : (a * b) + sum;
}
