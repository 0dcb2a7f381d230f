using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using MeLo.Edge.Volumes;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// What the settings ask for beside a result, and in it: made of the input and of the result that the journal has, so that nothing about a patient is in the journal, and a crash changes nothing.
/// </summary>
internal sealed class ReportWriter(string outbox, ServiceOptions options, ILogger logger)
{
    private const string Gone = "its input is no longer there as it was";

    /// <summary>Whether anything is asked for that takes the input.</summary>
    public bool NeedsInput => options.DicomSr || options.Fhir || options.IncludePatient;

    /// <summary>Writes those of a result that are not there, each whole or not at all.</summary>
    /// <exception cref="IOException">One cannot be written now.</exception>
    public void Write(AnsweredInput input, Job job)
    {
        if (options.DicomSr)
        {
            Write(input, job, FileNames.StructuredReport, "DICOM report", (image, result) =>
                DicomDecoder.IsDicom(SeriesArchive.Open(image)[0].Span) ? StructuredReport.Write(image, job.Key.Input, result, TimeZoneInfo.Local) : null);
        }
        if (options.Fhir) Write(input, job, FileNames.FhirReport, "FHIR report", (bytes, result) => FhirReport.Write(bytes, job.Key.Input, result, TimeZoneInfo.Local));
    }

    /// <summary>A result as the outbox gets it: the journal's bytes, and where the settings ask for it the patient and study of a DICOM image behind them.</summary>
    /// <exception cref="IOException">The input cannot be read now.</exception>
    public byte[] Result(AnsweredInput input, Job job)
    {
        if (!options.IncludePatient) return job.Result!;
        try
        {
            if (input.Bytes is { } bytes) return DicomExamination.Read(SeriesArchive.Open(bytes)[0]) is { } examination ? ResultDocument.WithPatient(job.Result!, examination) : job.Result!;
            logger.NoReport(job.Key.Task, "patient", Gone);
        }
        catch (ImageException e)
        {
            logger.NoReport(job.Key.Task, "patient", e.Message);
        }
        return job.Result!;
    }

    private void Write(AnsweredInput input, Job job, string ending, string what, Func<byte[], ReportedResult, byte[]?> make)
    {
        string path = Path.Combine(outbox, job.Key.Task, FileNames.Report(job.ResultName, ending));
        if (job.Delivery == DeliveryState.Settled && File.Exists(path)) return;
        try
        {
            if (input.Bytes is not { } bytes)
            {
                logger.NoReport(job.Key.Task, what, Gone);
            }
            else if (make(bytes, ResultDocument.Read(job.Result!)) is { } report)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                DurableFile.Write(path, report);
            }
        }
        catch (ImageException e)
        {
            logger.NoReport(job.Key.Task, what, e.Message);
        }
    }
}
