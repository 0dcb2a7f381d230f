namespace MeLo.Edge.Dicom;

/// <summary>A data element as the file has it.</summary>
/// <param name="Vr">The representation; <see cref="DicomVr.None"/> where the encoding leaves it out.</param>
/// <param name="Value">The value's bytes; of a sequence, its items.</param>
/// <param name="Encoding">How the value, or what is nested in it, is encoded.</param>
/// <param name="IsOfUndefinedLength">The value ended at a delimiter: a sequence, or pixel data in fragments.</param>
internal readonly record struct DicomElement(ushort Vr, ReadOnlyMemory<byte> Value, DicomEncoding Encoding, bool IsOfUndefinedLength);
