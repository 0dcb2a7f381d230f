using System.Runtime.Intrinsics;

namespace MeLo.Edge.Kernels;

/// <summary>
/// Softmax(q k^T / sqrt(w)) v for every head of every image, in binary32, cut into tasks that any threads may run in any order. A score
/// that is NaN or infinite makes its whole row NaN.
/// </summary>
/// <remarks>
/// All tensors are row-major with the heads side by side: head h is columns [h·w, (h+1)·w). Nothing needs to be aligned. The result
/// may not overlap an input. A task's working memory is <see cref="KernelScratch"/>'s.
/// </remarks>
internal readonly unsafe struct Attention
{
    private readonly int _blocks; // of queries, for one head

    /// <param name="query">[images, askingTokens, heads·w].</param>
    /// <param name="key">[images, tokens, heads·w].</param>
    /// <param name="value">[images, tokens, heads·w].</param>
    /// <param name="output">[images, askingTokens, heads·w].</param>
    /// <param name="images">The number of images; 0 gives no tasks.</param>
    /// <param name="askingTokens">The number of queries; at least 1.</param>
    /// <param name="tokens">The number of keys; at least 1.</param>
    /// <param name="heads">The number of heads; at least 1.</param>
    /// <param name="headWidth">w; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of its range.</exception>
    public Attention(float* query, float* key, float* value, float* output, int images, int askingTokens, int tokens, int heads, int headWidth)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(images);
        ArgumentOutOfRangeException.ThrowIfLessThan(askingTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(headWidth, 1);
        Images = images;
        Query = query;
        Key = key;
        Value = value;
        Output = output;
        AskingTokens = askingTokens;
        Tokens = tokens;
        Heads = heads;
        HeadWidth = headWidth;
        _blocks = (askingTokens + AttentionKernel.BlockQueries - 1) / AttentionKernel.BlockQueries;
        TaskCount = checked(images * heads * _blocks);
    }

    public int Images { get; }

    public float* Query { get; }

    public float* Key { get; }

    public float* Value { get; }

    public float* Output { get; }

    public int AskingTokens { get; }

    public int Tokens { get; }

    public int Heads { get; }

    public int HeadWidth { get; }

    /// <summary>heads·w: the floats from one token to the next.</summary>
    public nint Dim => (nint)Heads * HeadWidth;

    /// <summary>What queries are multiplied by: 1/sqrt(w), for exponentials of base 2.</summary>
    public float Scale => (float)(1 / (Math.Sqrt(HeadWidth) * Math.Log(2)));

    /// <summary>Where a head's queries, and its output, begin, from query <paramref name="first"/> on.</summary>
    public nint Asking(int image, int head, int first) => (((((nint)image * AskingTokens) + first) * Heads) + head) * HeadWidth;

    /// <summary>Where a head's keys and values begin.</summary>
    public nint Asked(int image, int head) => (((nint)image * Tokens * Heads) + head) * HeadWidth;

    /// <summary>The number of tasks: a block of up to <see cref="AttentionKernel.BlockQueries"/> queries of one head of one image each.</summary>
    public int TaskCount { get; }

    /// <summary>Runs one task, on any thread.</summary>
    /// <param name="task">From 0 to before <see cref="TaskCount"/>.</param>
    public void Run(int task) => Run(task, VectorWidths.Best);

    /// <summary>Runs one task with a vector width that this machine has.</summary>
    public void Run(int task, VectorWidth width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(task);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(task, TaskCount);
        (int pair, int block) = Math.DivRem(task, _blocks);
        (int image, int head) = Math.DivRem(pair, Heads);
        int first = block * AttentionKernel.BlockQueries;
        switch (width)
        {
            case VectorWidth.Vector512: AttentionKernel.Block<FloatLanes512, Vector512<float>>(this, image, head, first); break;
            case VectorWidth.Vector256: AttentionKernel.Block<FloatLanes256, Vector256<float>>(this, image, head, first); break;
            default: AttentionKernel.Block<FloatLanes128, Vector128<float>>(this, image, head, first); break;
        }
    }
}
