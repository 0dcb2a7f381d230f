using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Where a slice lies in the patient, in millimetres (PS3.3, C.7.6.2.1.1).</summary>
/// <param name="Position">Of its first voxel.</param>
/// <param name="Column">The direction from a column to the next: the first three of Image Orientation.</param>
/// <param name="Row">The direction from a row to the next: the last three.</param>
internal readonly record struct SlicePlace(PatientVector Position, PatientVector Column, PatientVector Row)
{
    // What directions may differ by from slice to slice, and from unit vectors at right angles: they are written with few digits.
    private const double Tolerance = 1e-3;

    // A kilometre.
    private const double MostMillimetres = 1e6;

    /// <summary>Across the slice.</summary>
    public PatientVector Normal => Column.Cross(Row);

    /// <summary>Whether another slice lies the same way.</summary>
    public bool IsParallel(SlicePlace other) => (Column - other.Column).Length < Tolerance && (Row - other.Row).Length < Tolerance;

    /// <summary>Reads where a frame lies; null where the file does not say.</summary>
    /// <param name="set">The file.</param>
    /// <param name="frame">The frame's functional groups, or null.</param>
    /// <exception cref="ImageException">What it says makes no sense.</exception>
    public static SlicePlace? Of(DicomDataSet set, DicomDataSet? frame)
    {
        double[] position = GrayTransform.FunctionalGroup(set, frame, DicomTag.PlanePositionSequence).Numbers(DicomTag.ImagePositionPatient);
        double[] orientation = GrayTransform.FunctionalGroup(set, frame, DicomTag.PlaneOrientationSequence).Numbers(DicomTag.ImageOrientationPatient);
        if (position.Length == 0 || orientation.Length == 0) return null;
        if (position.Length != 3 || orientation.Length != 6)
            throw ImageException.Broken(ImageFormat.Dicom, $"found an image position of {position.Length} numbers and an orientation of {orientation.Length}, expected 3 and 6");
        if (position.Any(p => Math.Abs(p) > MostMillimetres)) throw ImageException.Broken(ImageFormat.Dicom, $"found an image position beyond {MostMillimetres} mm, expected one in a room");
        SlicePlace place = new(new(position[0], position[1], position[2]), new(orientation[0], orientation[1], orientation[2]), new(orientation[3], orientation[4], orientation[5]));
        if (Math.Abs(place.Column.Length - 1) > Tolerance || Math.Abs(place.Row.Length - 1) > Tolerance || Math.Abs(place.Column.Dot(place.Row)) > Tolerance)
            throw ImageException.Broken(ImageFormat.Dicom, "found an image orientation that is not two directions at right angles, expected unit vectors");
        return place;
    }
}
