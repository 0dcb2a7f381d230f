using System.Security.Cryptography;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// What the settings ask for beside a result: made of the input and of the result that the journal has, so that nothing about a patient is in the journal, and a crash changes nothing.
/// </summary>
internal sealed class ReportWriter(string outbox, ServiceOptions options, ILogger logger)
{
    /// <summary>Writes those of a result that are not there, each whole or not at all.</summary>
    /// <param name="file">The input, in the inbox.</param>
    /// <param name="job">The job that it ended in.</param>
    /// <exception cref="IOException">One cannot be written now.</exception>
    public void Write(InboxFile file, Job job)
    {
        if (!options.DicomSr) return;
        string path = Path.Combine(outbox, job.Key.Task, FileNames.Report(job.ResultName, ".sr.dcm"));
        if (job.Delivery == DeliveryState.Settled && File.Exists(path)) return;
        try
        {
            Write(file, job, path);
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException)
        {
            // Taken away, or written to again: what is there by then has a result of its own, and this one goes without.
            logger.NoReport(job.Key.Task, "its input is no longer there as it was");
        }
        catch (ImageException e)
        {
            logger.NoReport(job.Key.Task, e.Message);
        }
    }

    private void Write(InboxFile file, Job job, string path)
    {
        if (RegularFile.Read(file.Path, options.MaxFileBytes, out _) is not { } image || Convert.ToHexStringLower(SHA256.HashData(image)) != job.Key.Input || !DicomDecoder.IsDicom(image)) return;
        byte[] report = StructuredReport.Write(image, job.Key.Input, Of(job.Result!), TimeZoneInfo.Local);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        DurableFile.Write(path, report);
    }

    internal static ReportedResult Of(byte[] result)
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
}
