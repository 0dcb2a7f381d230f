using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Which slices of a volume a task looks at, and how its answers to them become one. Immutable and always valid.</summary>
public sealed record VolumeRecipe
{
    /// <summary>The most slices along an axis: more than any model was trained on, and seconds of work.</summary>
    public const int MaxSlices = 256;

    /// <param name="axes">Along which axes it is cut.</param>
    /// <param name="slices">How many slices along each, 1 to <see cref="MaxSlices"/>, evenly spaced: the middle one of each of as many equal parts.</param>
    /// <param name="aggregation">How the answers become one.</param>
    /// <exception cref="ImageException">There cannot be as many slices.</exception>
    public VolumeRecipe(VolumeAxes axes, int slices, SliceAggregation aggregation)
    {
        if (slices is < 1 or > MaxSlices) throw ImageException.Recipe([$"found {slices} slices, expected 1 to {MaxSlices}"]);
        (Axes, Slices, Aggregation) = (axes, slices, aggregation);
    }

    /// <summary>Along which axes it is cut.</summary>
    public VolumeAxes Axes { get; }

    /// <summary>How many slices along each.</summary>
    public int Slices { get; }

    /// <summary>How the answers to the slices become one.</summary>
    public SliceAggregation Aggregation { get; }

    /// <summary>The pictures of a volume: three times <see cref="Slices"/> where it is cut along all axes.</summary>
    public int Pictures => Axes == VolumeAxes.All ? 3 * Slices : Slices;
}
