using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Heat maps beside results, where the settings ask for them: made after the result is out, of the input and of the bundle that answered. A result that cannot have one has none, and a line in the log.
/// </summary>
internal sealed class HeatMapWriter(string outbox, EdgeEngine engine, InstalledTasks tasks, JobJournal journal, StallWatch watch, ServiceOptions options, ILogger logger)
{
    private const string PngEnding = ".heat.png", DicomEnding = ".heat.dcm";

    /// <summary>Whether results have any.</summary>
    public bool IsOn => options.HeatMap != HeatMapFiles.Off;

    /// <summary>Writes those of a result that are not there, each whole or not at all.</summary>
    /// <param name="file">The input, in the inbox.</param>
    /// <param name="job">The job that it ended in.</param>
    /// <param name="stopping">Gives up, for the next start to do it.</param>
    /// <exception cref="IOException">One cannot be written now.</exception>
    /// <exception cref="OperationCanceledException">The service stops.</exception>
    public async Task WriteAsync(InboxFile file, Job job, CancellationToken stopping)
    {
        if (tasks.Find(job.Key.Task)?.Description.Input.Volume is not null) return; // of volumes there are none
        try
        {
            byte[] image = new AnsweredInput(file.Path, job.Key.Input, options.MaxFileBytes).Bytes ?? throw new FileChangedException();
            HeatMapFiles wanted = DicomDecoder.IsDicom(image) ? options.HeatMap : options.HeatMap & ~HeatMapFiles.Dicom;
            if (job.Delivery == DeliveryState.Settled) wanted &= ~Present(job);
            if (wanted == HeatMapFiles.Off) return;
            if (tasks.Find(job.Key.Task) is not { } task || task.BundleDigest != job.Key.Bundle) logger.NoHeatMap(job.Key.Task, "the bundle that answered is no longer active");
            else if (!journal.TryExplain(job)) logger.NoHeatMap(job.Key.Task, $"the process ended {JobJournal.MaximumAttempts} times while it was made");
            else await WriteAsync(task, job, image, wanted, stopping);
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException)
        {
            logger.NoHeatMap(job.Key.Task, "its input is no longer there as it was");
        }
        catch (ImageException e)
        {
            logger.NoHeatMap(job.Key.Task, e.Message);
        }
        catch (Exception e) when (!(StorageTrouble.Is(e) || (e is OperationCanceledException && stopping.IsCancellationRequested)))
        {
            logger.NoHeatMap(job.Key.Task, Failure.Describe(e));
        }
    }

    /// <summary>Removes the heat maps of a result that another one takes the place of.</summary>
    /// <exception cref="IOException">One cannot be removed now.</exception>
    public void Remove(Job job)
    {
        foreach (string path in (string[])[PathOf(job, PngEnding), PathOf(job, DicomEnding)])
            if (File.Exists(path)) File.Delete(path);
    }

    private async Task WriteAsync(InstalledTask task, Job job, byte[] image, HeatMapFiles wanted, CancellationToken stopping)
    {
        try
        {
            using IDisposable step = watch.Begin();
            HeatMap map = await engine.ExplainAsync(task, engine.Prepare(task, image), stopping);
            PixelBuffer picture = HeatMapPicture.Draw(map, image, task.Description.Input, options.HeatMapNotice, DecodeLimits.Default with { MaxFileBytes = options.MaxFileBytes });
            // Before either is written: both are there, or what is said of it is true.
            byte[]? capture = wanted.HasFlag(HeatMapFiles.Dicom) ? HeatMapCapture.Write(image, job.Key.Input, map, picture, ResultDocument.Read(job.Result!), TimeZoneInfo.Local) : null;
            if (wanted.HasFlag(HeatMapFiles.Png)) DurableFile.Write(PathOf(job, PngEnding), PngEncoder.Write(picture));
            if (capture is not null) DurableFile.Write(PathOf(job, DicomEnding), capture);
        }
        finally
        {
            journal.EndExplaining(job);
        }
    }

    private HeatMapFiles Present(Job job) =>
        (File.Exists(PathOf(job, PngEnding)) ? HeatMapFiles.Png : HeatMapFiles.Off) | (File.Exists(PathOf(job, DicomEnding)) ? HeatMapFiles.Dicom : HeatMapFiles.Off);

    private string PathOf(Job job, string ending) => Path.Combine(outbox, job.Key.Task, FileNames.Report(job.ResultName, ending));
}
