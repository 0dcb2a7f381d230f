using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures in memory, [height, width] or [height, width, channels] of bytes each.</summary>
internal sealed class ArrayPictures(byte[][] pictures, IReadOnlyList<int> shape) : IPictures
{
    public string Kind => "pictures";

    public VolumeRecipe? Volume => null;

    // Nobody writes to a buffer's samples, and these are of no pool, so they need not be copied.
    public IEnumerable<PixelBuffer> Read(int sample) => [new(shape[1], shape[0], shape.Count > 2 ? shape[2] : 1, pictures[sample])];
}

/// <summary>Volumes in memory, [depth, height, width] of bytes each.</summary>
internal sealed class ArrayVolumes(byte[][] volumes, VolumeSlices slices) : IPictures
{
    public string Kind => $"volumes of {slices.Description}";

    public VolumeRecipe? Volume { get; } = new(slices.Axes, slices.PerAxis, SliceAggregation.MeanLogits);

    public IEnumerable<PixelBuffer> Read(int sample) => Enumerable.Range(0, slices.Count).Select(slice => slices.Cut<byte>(volumes[sample], slice));
}
