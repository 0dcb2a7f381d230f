using System.Text.Encodings.Web;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Reports;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>The result of one image as the outbox and the HTTP interface have it: <c>melo.result/1</c>.</summary>
internal static class ResultDocument
{
    public const string Schema = "melo.result/1";

    // Names and labels are read by people and by programs, never placed into HTML by this one.
    internal static readonly JsonWriterOptions Json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The document's bytes, UTF-8 with a final newline.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="name">The input's file name; null where it has none.</param>
    /// <param name="sha256">The SHA-256 of the input's bytes, hexadecimal.</param>
    /// <param name="queued">How long the input waited for its turn.</param>
    /// <param name="completedAt">When the prediction was there.</param>
    public static byte[] Write(Prediction prediction, string? name, string sha256, TimeSpan queued, DateTimeOffset completedAt)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, Json))
        {
            json.WriteStartObject();
            json.WriteString("schema", Schema);
            json.WriteString("task", prediction.Task);
            json.WriteNumber("release", prediction.Release);
            json.WriteStartObject("input");
            json.WriteString("name", name is null ? null : Wellformed(name));
            json.WriteString("sha256", sha256);
            json.WriteEndObject();
            json.WriteStartObject("prediction");
            json.WriteString("label", prediction.Label);
            json.WriteNumber("probability", prediction.Probability);
            json.WriteEndObject();
            json.WriteStartArray("scores");
            foreach (ClassScore score in prediction.Scores)
            {
                json.WriteStartObject();
                json.WriteString("label", score.Label);
                json.WriteNumber("logit", score.Logit);
                json.WriteNumber("probability", score.Probability);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("model");
            json.WriteString("base", prediction.BaseDigest);
            json.WriteString("bundle", prediction.BundleDigest);
            json.WriteString("precision", Lower(prediction.Precision.ToString()));
            json.WriteString("provider", prediction.Provider.Name());
            json.WriteEndObject();
            WriteTiming(json, prediction.Timing, queued);
            json.WriteString("completedAt", JobJournal.Timestamp(completedAt));
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    /// <summary>A document with what its DICOM image says of patient and study behind it, as the image says it.</summary>
    public static byte[] WithPatient(byte[] document, DicomExamination examination)
    {
        using JsonDocument parsed = JsonDocument.Parse(document);
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, Json))
        {
            json.WriteStartObject();
            foreach (JsonProperty member in parsed.RootElement.EnumerateObject()) member.WriteTo(json);
            json.WriteStartObject("patient");
            json.WriteString("id", examination.PatientId);
            json.WriteString("name", examination.PatientName);
            json.WriteString("birthDate", examination.PatientBirthDate);
            json.WriteString("sex", examination.PatientSex);
            json.WriteEndObject();
            json.WriteStartObject("study");
            json.WriteString("instanceUid", examination.StudyInstanceUid);
            json.WriteString("accessionNumber", examination.AccessionNumber);
            json.WriteString("date", examination.StudyDate);
            json.WriteString("time", examination.StudyTime);
            json.WriteString("description", examination.StudyDescription);
            json.WriteString("modality", examination.Modality);
            json.WriteString("seriesInstanceUid", examination.SeriesInstanceUid);
            json.WriteString("sopInstanceUid", examination.SopInstanceUid);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    /// <summary>What a report says of a document.</summary>
    public static ReportedResult Read(byte[] result)
    {
        using JsonDocument document = JsonDocument.Parse(result);
        JsonElement root = document.RootElement, model = root.GetProperty("model");
        return new ReportedResult
        {
            Task = root.GetProperty("task").GetString()!,
            Release = root.GetProperty("release").GetInt32(),
            Label = root.GetProperty("prediction").GetProperty("label").GetString()!,
            Scores = [.. root.GetProperty("scores").EnumerateArray().Select(s => (s.GetProperty("label").GetString()!, s.GetProperty("probability").GetDouble()))],
            BaseDigest = model.GetProperty("base").GetString()!,
            BundleDigest = model.GetProperty("bundle").GetString()!,
            Arithmetic = $"{model.GetProperty("precision").GetString()}, {model.GetProperty("provider").GetString()}",
            CompletedAt = root.GetProperty("completedAt").GetDateTimeOffset(),
        };
    }

    private static void WriteTiming(Utf8JsonWriter json, PredictionTiming timing, TimeSpan queued)
    {
        json.WriteStartObject("timing");
        json.WriteNumber("queueMs", Math.Round(queued.TotalMilliseconds, 3));
        json.WriteNumber("decodeMs", Math.Round(timing.DecodeMilliseconds, 3));
        json.WriteNumber("preprocessMs", Math.Round(timing.PreprocessMilliseconds, 3));
        json.WriteNumber("switchMs", Math.Round(timing.Switch.TotalMicroseconds / 1000, 4));
        json.WriteString("switchKind", Lower(timing.Switch.Kind.ToString()));
        json.WriteNumber("inferenceMs", Math.Round(timing.InferenceMilliseconds, 3));
        json.WriteEndObject();
    }

    /// <summary>A file name may hold half a surrogate pair (Windows), which UTF-8 cannot.</summary>
    internal static string Wellformed(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));

    private static string Lower(string name) => name.ToLowerInvariant();
}
