using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>Where a dataset's pixels come from. Safe for concurrent use.</summary>
internal interface IPictures
{
    /// <summary>One picture: of a volume, one slice.</summary>
    /// <param name="sample">The sample's number.</param>
    /// <param name="slice">The slice's number; 0 for pictures.</param>
    /// <exception cref="DatasetException">It cannot be read; the message says which and why.</exception>
    PixelBuffer Read(int sample, int slice);
}
