using System.Text;
using MeLo.Edge.Dicom;

namespace MeLo.Edge.Reports;

/// <summary>An item of a structured report's tree (PS3.3, C.17.3), as elements in ascending order.</summary>
internal static class ContentItem
{
    // The one kind of object with pixels that is no image (PS3.3, A.18).
    private const string RtDose = "1.2.840.10008.5.1.4.1.1.481.2";

    private static readonly DicomTag s_valueType = new(0x0040, 0xA040), s_concept = new(0x0040, 0xA043), s_content = new(0x0040, 0xA730), s_unit = new(0x0040, 0x08EA), s_number = new(0x0040, 0xA30A);

    public static DicomWriter Text(string relationship, CodedConcept name, string value, Encoding encoding)
    {
        DicomWriter item = Begin(relationship, "TEXT", name, encoding);
        item.Text(new DicomTag(0x0040, 0xA160), DicomVr.Ut, value, encoding);
        return item;
    }

    public static DicomWriter Code(string relationship, CodedConcept name, CodedConcept value, Encoding encoding)
    {
        DicomWriter item = Begin(relationship, "CODE", name, encoding);
        value.WriteTo(item, new DicomTag(0x0040, 0xA168), encoding);
        return item;
    }

    public static DicomWriter Uid(string relationship, CodedConcept name, string value, Encoding encoding)
    {
        DicomWriter item = Begin(relationship, "UIDREF", name, encoding);
        item.Text(new DicomTag(0x0040, 0xA124), DicomVr.Ui, value);
        return item;
    }

    /// <param name="relationship">How it belongs to what it is in.</param>
    /// <param name="name">What the number is.</param>
    /// <param name="value">A decimal string, at most 16 characters.</param>
    /// <param name="unit">Its unit.</param>
    /// <param name="encoding">The characters of the meanings.</param>
    /// <param name="children">What it has been worked out from.</param>
    public static DicomWriter Number(string relationship, CodedConcept name, string value, CodedConcept unit, Encoding encoding, params ReadOnlySpan<DicomWriter> children)
    {
        DicomWriter item = Begin(relationship, "NUM", name, encoding), measured = new();
        unit.WriteTo(measured, s_unit, encoding);
        measured.Text(s_number, DicomVr.Ds, value);
        item.Sequence(new DicomTag(0x0040, 0xA300), measured);
        if (children.Length > 0) item.Sequence(s_content, children);
        return item;
    }

    public static DicomWriter Container(string relationship, CodedConcept name, Encoding encoding, params ReadOnlySpan<DicomWriter> children)
    {
        DicomWriter item = Begin(relationship, "CONTAINER", name, encoding);
        item.Text(new DicomTag(0x0040, 0xA050), DicomVr.Cs, "SEPARATE");
        item.Sequence(s_content, children);
        return item;
    }

    /// <summary>A reference to an image, or to another object that has pixels.</summary>
    public static DicomWriter Object(string relationship, CodedConcept? name, string sopClass, string sopInstance, Encoding encoding)
    {
        DicomWriter item = new();
        item.Sequence(new DicomTag(0x0008, 0x1199), Reference(sopClass, sopInstance));
        Begin(item, relationship, sopClass == RtDose ? "COMPOSITE" : "IMAGE", name, encoding);
        return item;
    }

    /// <summary>What refers to an object (PS3.3, table 10-11).</summary>
    public static DicomWriter Reference(string sopClass, string sopInstance)
    {
        DicomWriter reference = new();
        reference.Text(new DicomTag(0x0008, 0x1150), DicomVr.Ui, sopClass);
        reference.Text(new DicomTag(0x0008, 0x1155), DicomVr.Ui, sopInstance);
        return reference;
    }

    private static DicomWriter Begin(string relationship, string valueType, CodedConcept name, Encoding encoding)
    {
        DicomWriter item = new();
        Begin(item, relationship, valueType, name, encoding);
        return item;
    }

    private static void Begin(DicomWriter item, string relationship, string valueType, CodedConcept? name, Encoding encoding)
    {
        item.Text(new DicomTag(0x0040, 0xA010), DicomVr.Cs, relationship);
        item.Text(s_valueType, DicomVr.Cs, valueType);
        name?.WriteTo(item, s_concept, encoding);
    }
}
