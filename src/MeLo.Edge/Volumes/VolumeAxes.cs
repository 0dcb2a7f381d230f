namespace MeLo.Edge.Volumes;

/// <summary>
/// Along which axes a volume is cut into slices. Volumes whose file says how they lie in the patient (DICOM, NIfTI) are turned first, to the nearest of the patient's axes, so that the names are anatomical; an
/// array without that is taken as it is.
/// </summary>
public enum VolumeAxes
{
    /// <summary>Along the first axis, towards the head: [depth, height, width] gives pictures of height x width, from front to back and from right to left.</summary>
    Axial,

    /// <summary>Along the second, towards the back: pictures of depth x width.</summary>
    Coronal,

    /// <summary>Along the third, towards the left: pictures of depth x height.</summary>
    Sagittal,

    /// <summary>Along all three, one after the other: three times as many slices.</summary>
    All,
}
