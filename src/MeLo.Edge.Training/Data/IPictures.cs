using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>Where a dataset's pixels come from. Safe for concurrent use.</summary>
internal interface IPictures
{
    /// <summary>What the samples are, in words: <c>pictures</c>, or volumes and how they are cut.</summary>
    string Kind { get; }

    /// <summary>Of samples that are volumes, how they are cut, and how the answers to their slices become one; null for pictures.</summary>
    VolumeRecipe? Volume { get; }

    /// <summary>A sample's picture, or the slices of its volume in their order.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <returns>The caller's own, made as they are asked for.</returns>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    IEnumerable<PixelBuffer> Read(int sample);
}
