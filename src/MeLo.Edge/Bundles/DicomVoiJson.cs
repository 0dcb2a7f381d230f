using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The JSON form of <see cref="DicomVoi"/>: <c>{"voi":"file"}</c>, <c>{"voi":"range"}</c>, <c>{"voi":"named","name":"BONE"}</c>, <c>{"voi":"percentile","low":1,"high":99}</c> or
/// <c>{"voi":"window","center":40,"width":400,"function":"linear"}</c>.
/// </summary>
internal static class DicomVoiJson
{
    private static readonly (string Text, DicomVoiKind Value)[] s_kinds =
        [("file", DicomVoiKind.File), ("named", DicomVoiKind.Named), ("range", DicomVoiKind.Range), ("percentile", DicomVoiKind.Percentile), ("window", DicomVoiKind.Window)];

    private static readonly (string Text, DicomVoiFunction Value)[] s_functions =
        [("linear", DicomVoiFunction.Linear), ("linear-exact", DicomVoiFunction.LinearExact), ("sigmoid", DicomVoiFunction.Sigmoid)];

    public static DicomVoi? Read(StrictObject dicom, StrictJson json)
    {
        int before = json.Faults.Count;
        DicomVoiKind kind = dicom.Choice("voi", s_kinds);
        if (json.Faults.Count > before) return null;
        try
        {
            Func<DicomVoi> make = kind switch
            {
                DicomVoiKind.File => () => DicomVoi.File,
                DicomVoiKind.Range => () => DicomVoi.Range,
                DicomVoiKind.Named when dicom.Text("name") is var name => () => DicomVoi.Named(name),
                DicomVoiKind.Percentile when (dicom.Number("low"), dicom.Number("high")) is var (low, high) => () => DicomVoi.Percentile(low, high),
                _ => Window(dicom.Number("center"), dicom.Number("width"), dicom.Has("function") ? dicom.Choice("function", s_functions) : DicomVoiFunction.Linear),
            };
            return json.Faults.Count > before ? null : make();
        }
        catch (ImageException e)
        {
            json.Add(dicom.Path, e.Message);
            return null;
        }

        static Func<DicomVoi> Window(double center, double width, DicomVoiFunction function) => () => DicomVoi.Window(center, width, function);
    }

    public static void Write(Utf8JsonWriter json, DicomVoi voi)
    {
        json.WriteStartObject();
        json.WriteString("voi", s_kinds.Single(k => k.Value == voi.Kind).Text);
        switch (voi.Kind)
        {
            case DicomVoiKind.Named:
                json.WriteString("name", voi.Name);
                break;
            case DicomVoiKind.Percentile:
                json.WriteNumber("low", voi.Low);
                json.WriteNumber("high", voi.High);
                break;
            case DicomVoiKind.Window:
                json.WriteNumber("center", voi.Center);
                json.WriteNumber("width", voi.Width);
                json.WriteString("function", s_functions.Single(f => f.Value == voi.Function).Text);
                break;
        }
        json.WriteEndObject();
    }
}
