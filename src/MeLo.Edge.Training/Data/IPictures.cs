using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>Where a dataset's pixels come from. Safe for concurrent use.</summary>
internal interface IPictures
{
    /// <summary>One picture, or one slice of a volume.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="slice">The slice's number; 0 for pictures.</param>
    /// <returns>The caller's own.</returns>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    PixelBuffer Read(int sample, int slice);
}
