using System.Numerics.Tensors;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Engine;

/// <summary>
/// How much of what a task's model reads at its end comes from each part of an image, by attention rollout (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020,
/// arXiv 2005.00928) of the base's weights with the task's adapter merged, in fp32. Immutable.
/// </summary>
/// <remarks>It shows where attention went. It is not about one of the labels, does not see the head, and does not say why an answer was given.</remarks>
public sealed class HeatMap
{
    private readonly float[] _values;

    /// <param name="task">The task.</param>
    /// <param name="release">The release of its bundle.</param>
    /// <param name="bundleDigest">The bundle's digest.</param>
    /// <param name="baseDigest">The base's digest.</param>
    /// <param name="patches">The patches' shares, [grid, grid].</param>
    /// <param name="square">Where the patches lie.</param>
    internal HeatMap(string task, int release, string bundleDigest, string baseDigest, ReadOnlySpan<float> patches, SourceSquare square)
    {
        (Task, Release, BundleDigest, BaseDigest, Square) = (task, release, bundleDigest, baseDigest, square);
        Grid = (int)Math.Sqrt(patches.Length);
        LargestShare = TensorPrimitives.Max(patches);
        _values = new float[patches.Length];
        TensorPrimitives.Divide(patches, LargestShare, _values);
    }

    /// <summary>The task.</summary>
    public string Task { get; }

    /// <summary>The release of its bundle.</summary>
    public int Release { get; }

    /// <summary>The digest of the bundle file, <c>sha256:…</c>.</summary>
    public string BundleDigest { get; }

    /// <summary>The digest of the base, <c>sha256:…</c>.</summary>
    public string BaseDigest { get; }

    /// <summary>The patches along one side of the square.</summary>
    public int Grid { get; }

    /// <summary>A value for each patch, [<see cref="Grid"/>, <see cref="Grid"/>], row by row from the top of the square; above 0, and 1 for the largest.</summary>
    public ReadOnlyMemory<float> Values => _values;

    /// <summary>What the largest value stands for: that patch's share of everything, above 0. What the patches lack to 1 is the class token's own share.</summary>
    public float LargestShare { get; }

    /// <summary>Where the square lies in the picture.</summary>
    public SourceSquare Square { get; }

    /// <summary>The value at a point of the picture as it is stored, between the patches' centres interpolated; 0 outside of the square, which the model did not see.</summary>
    /// <param name="x">From the left, in pixels; a pixel's centre is at a half.</param>
    /// <param name="y">From the top.</param>
    public float At(double x, double y)
    {
        (double u, double v) = Square.Find(x, y);
        if (u is < 0 or > 1 || v is < 0 or > 1) return 0;
        (int left, int right, float across) = Neighbours(u);
        (int upper, int lower, float down) = Neighbours(v);
        return float.Lerp(float.Lerp(Value(left, upper), Value(right, upper), across), float.Lerp(Value(left, lower), Value(right, lower), across), down);
    }

    private float Value(int column, int row) => _values[(row * Grid) + column];

    private (int Before, int After, float Part) Neighbours(double place)
    {
        double at = Math.Clamp((place * Grid) - 0.5, 0, Grid - 1);
        int before = (int)at;
        return (before, Math.Min(before + 1, Grid - 1), (float)(at - before));
    }
}
