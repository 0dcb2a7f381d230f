using System.Text.Json;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>What stands beside a refused file: <c>NAME.reason.json</c>, in quarantine and among the rejected bundles.</summary>
internal static class ReasonDocument
{
    /// <summary>The reason why an input was quarantined: <c>melo.quarantine/1</c>.</summary>
    public static byte[] Quarantined(string task, string name, string? sha256, Reason reason, DateTimeOffset at) => Write(json =>
    {
        json.WriteString("schema", "melo.quarantine/1");
        json.WriteString("task", task);
        json.WriteStartObject("input");
        json.WriteString("name", ResultDocument.Wellformed(name));
        json.WriteString("sha256", sha256);
        json.WriteEndObject();
        WriteReason(json, reason);
        json.WriteString("quarantinedAt", JobJournal.Timestamp(at));
    });

    /// <summary>The reason why a bundle was refused: <c>melo.rejection/1</c>.</summary>
    public static byte[] Rejected(string name, string? digest, string? task, int? release, Reason reason, DateTimeOffset at) => Write(json =>
    {
        json.WriteString("schema", "melo.rejection/1");
        json.WriteStartObject("bundle");
        json.WriteString("name", ResultDocument.Wellformed(name));
        json.WriteString("digest", digest);
        json.WriteEndObject();
        json.WriteString("task", task);
        if (release is int number) json.WriteNumber("release", number);
        else json.WriteNull("release");
        WriteReason(json, reason);
        json.WriteString("rejectedAt", JobJournal.Timestamp(at));
    });

    private static void WriteReason(Utf8JsonWriter json, Reason reason)
    {
        json.WriteStartObject("reason");
        json.WriteString("code", reason.Code);
        json.WriteString("message", reason.Message);
        json.WriteEndObject();
    }

    private static byte[] Write(Action<Utf8JsonWriter> content)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, ResultDocument.Json))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }
}
