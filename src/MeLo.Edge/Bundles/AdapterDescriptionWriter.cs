using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;

namespace MeLo.Edge.Bundles;

/// <summary>Writes <c>adapter.json</c>, indented: it is the part of a bundle that people read.</summary>
internal static class AdapterDescriptionWriter
{
    // Labels in any language stay readable; "\n" whatever the machine, so that equal descriptions give equal bytes.
    private static readonly JsonWriterOptions s_options =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Write(AdapterDescription description)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_options))
        {
            json.WriteStartObject();
            json.WriteString("schema", description.Schema);
            json.WriteString("task", description.Task);
            json.WriteNumber("release", description.Release);
            json.WriteString("title", description.Title);
            json.WriteString("base", description.Base);
            json.WriteString("architecture", description.Architecture);
            WriteLora(json, description.Lora);
            WriteHead(json, description.Head);
            json.WriteStartObject("input");
            json.WriteString("kind", description.Input.Kind);
            json.WritePropertyName("preprocess");
            PreprocessRecipeJson.Write(json, description.Input.Preprocess);
            if (description.Input.Dicom is { } dicom)
            {
                json.WritePropertyName("dicom");
                DicomVoiJson.Write(json, dicom);
            }
            if (description.Input.Volume is { } volume)
            {
                json.WritePropertyName("volume");
                VolumeRecipeJson.Write(json, volume);
            }
            json.WriteEndObject();
            WriteTolerance(json, description.Tolerance);
            if (description.Precision is { } precision) json.WriteString("precision", precision.Name());
            json.WritePropertyName("card");
            if (description.Card is { } card) ModelCardJson.Write(json, card);
            else json.WriteNullValue();
            json.WriteString("created", Time(description.Created));
            json.WriteString("expires", description.Expires is { } expires ? Time(expires) : null);
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void WriteLora(Utf8JsonWriter json, LoraDescription lora)
    {
        json.WriteStartObject("lora");
        json.WriteNumber("rank", lora.Rank);
        json.WriteNumber("alpha", lora.Alpha);
        json.WriteNumber("scale", lora.Scale);
        json.WriteStartArray("targets");
        foreach (VitLinear target in lora.Targets) json.WriteStringValue(target.Name());
        json.WriteEndArray();
        json.WriteString("source", lora.Source);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, HeadDescription head)
    {
        json.WriteStartObject("head");
        json.WriteStartArray("labels");
        foreach (string label in head.Labels) json.WriteStringValue(label);
        json.WriteEndArray();
        json.WriteString("activation", head.Activation == HeadActivation.Softmax ? "softmax" : "sigmoid");
        json.WriteString("biasSource", head.BiasSource);
        json.WriteEndObject();
    }

    private static void WriteTolerance(Utf8JsonWriter json, ProbeTolerance tolerance)
    {
        json.WriteStartObject("tolerance");
        json.WriteNumber("fp32", tolerance.Fp32);
        if (tolerance.Int8 is { } int8) json.WriteNumber("int8", int8);
        if (tolerance.Fp16 is { } fp16) json.WriteNumber("fp16", fp16);
        json.WriteEndObject();
    }

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
}
