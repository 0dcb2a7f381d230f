using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>How a dataset is read, where it does not say itself.</summary>
internal sealed record DatasetOptions
{
    /// <summary>The labels, in the order of the classes. None takes those that are found, in ordinal order; an <c>.npz</c> file has numbers only, which are then their own names.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>A CSV's column of paths; null takes <c>path</c>, <c>file</c>, <c>filename</c> or <c>image</c>.</summary>
    public string? PathColumn { get; init; }

    /// <summary>
    /// A CSV's columns of labels: one holds the label's name, or several with <c>|</c> between them; several hold 0 or 1 each and are the labels. None takes <c>label</c>, <c>labels</c>, <c>class</c>
    /// or <c>target</c>, or, where there is none of these, all columns that are nothing else.
    /// </summary>
    public IReadOnlyList<string> LabelColumns { get; init; } = [];

    /// <summary>A CSV's column of parts, <c>train</c>, <c>val</c> or <c>test</c>; null takes <c>split</c> or <c>part</c> if there is one.</summary>
    public string? SplitColumn { get; init; }

    /// <summary>A CSV's column that tells patients apart; null takes <c>patient</c> or <c>patient_id</c> if there is one.</summary>
    public string? PatientColumn { get; init; }

    /// <summary>How many slices of a volume are looked at along each axis, evenly spaced. It says of files that they are volumes; null takes them for pictures, and of an <c>.npz</c> file's volumes all slices.</summary>
    public int? Slices { get; init; }

    /// <summary>Along which axes a volume is cut.</summary>
    public VolumeAxes Axes { get; init; } = VolumeAxes.Axial;

    /// <summary>Which values of gray DICOM images become black and white; null refuses DICOM files.</summary>
    public DicomVoi? Dicom { get; init; }

    /// <summary>
    /// Whether Patient ID (0010,0020) tells DICOM files' patients apart, where the dataset does not. False for files whose IDs were replaced by one and the same.
    /// </summary>
    public bool DicomPatients { get; init; } = true;

    /// <summary>What a picture may cost before it is refused.</summary>
    public DecodeLimits Limits { get; init; } = DecodeLimits.Default;

    /// <summary>The most bytes of an <c>.npz</c> file's pictures, which are held in memory: 8 GiB unless set.</summary>
    public long MaxArrayBytes { get; init; } = 8L << 30;
}
