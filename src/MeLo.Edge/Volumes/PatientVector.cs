using System.Numerics;

namespace MeLo.Edge.Volumes;

/// <summary>A place or direction in the patient, in DICOM's axes, in double precision: positions are hundreds of millimetres, and compared by hundredths.</summary>
/// <param name="X">Towards the left.</param>
/// <param name="Y">Towards the back.</param>
/// <param name="Z">Towards the head.</param>
internal readonly record struct PatientVector(double X, double Y, double Z)
{
    public double Length => Math.Sqrt(Dot(this));

    public static PatientVector operator -(PatientVector a, PatientVector b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z);

    public double Dot(PatientVector other) => (X * other.X) + (Y * other.Y) + (Z * other.Z);

    public PatientVector Cross(PatientVector other) => new((Y * other.Z) - (Z * other.Y), (Z * other.X) - (X * other.Z), (X * other.Y) - (Y * other.X));

    public Vector3 ToSingle() => new((float)X, (float)Y, (float)Z);
}
