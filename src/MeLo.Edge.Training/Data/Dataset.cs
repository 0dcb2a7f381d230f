namespace MeLo.Edge.Training.Data;

/// <summary>Pictures or volumes with their labels. Immutable; safe for concurrent use.</summary>
internal sealed class Dataset
{
    private Dataset(string description, IReadOnlyList<string> labels, bool isMultiLabel, IReadOnlyList<Sample> samples, string digest, IPictures pictures, int slices, bool isVolume) =>
        (Description, Labels, IsMultiLabel, Samples, Digest, Pictures, Slices, IsVolume) = (description, labels, isMultiLabel, samples, digest, pictures, slices, isVolume);

    /// <summary>Where it is from and what it holds, in one line.</summary>
    public string Description { get; }

    /// <summary>The classes' names, two at least for single-label data.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Whether a sample can have any number of labels, none included, instead of exactly one.</summary>
    public bool IsMultiLabel { get; }

    /// <summary>Whether the samples are volumes.</summary>
    public bool IsVolume { get; }

    /// <summary>Pictures a sample: 1, or the slices of a volume.</summary>
    public int Slices { get; }

    /// <summary>The samples, in an order that depends on nothing but the data.</summary>
    public IReadOnlyList<Sample> Samples { get; }

    /// <summary>
    /// SHA-256 in lowercase hexadecimal over the list of samples: names, labels, patients, parts and the files' lengths, and all bytes of an <c>.npz</c> file; and over the choice of slices. What
    /// tells that a run is continued with the data it began with; that files of the same lengths hold the same pictures it cannot say.
    /// </summary>
    public string Digest { get; }

    /// <summary>Where the pixels come from.</summary>
    public IPictures Pictures { get; }

    /// <summary>
    /// Opens a folder with a folder of pictures for each class, perhaps below <c>train</c>, <c>val</c> and <c>test</c>; a <c>.csv</c> file with paths and labels; or an <c>.npz</c> file as
    /// MedMNIST has them. Pictures are not decoded yet.
    /// </summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="options">What it does not say itself.</param>
    /// <exception cref="DatasetException">There is none, or it is not a dataset; the message lists every fault up to a limit.</exception>
    public static Dataset Open(string path, DatasetOptions options) => throw new NotImplementedException();

    /// <summary>A dataset that a program makes.</summary>
    /// <param name="description">Where it is from, in one line.</param>
    /// <param name="labels">The classes' names.</param>
    /// <param name="isMultiLabel">Whether a sample can have any number of labels.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="content">What the pixels follow from, such as a file's digest or a seed; it goes into <see cref="Digest"/>.</param>
    /// <param name="pictures">The pixels.</param>
    /// <param name="slices">Slices a volume; null for pictures.</param>
    /// <exception cref="DatasetException">Something does not fit.</exception>
    public static Dataset Of(
        string description, IReadOnlyList<string> labels, bool isMultiLabel, IReadOnlyList<Sample> samples, string content, IPictures pictures, int? slices = null) => throw new NotImplementedException();
}
