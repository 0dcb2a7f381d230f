using System.Security.Cryptography;
using System.Threading.Channels;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>An image whose pixels are ready for the model.</summary>
internal sealed record PreparedJob(InboxFile File, Job Job, InstalledTask Task, PreparedImage Image, TimeSpan Queued);

/// <summary>
/// The first step: a file is read once, and the digest, the journal's entry and the pixels are all of those very bytes. The attempt is in
/// the journal before the parser sees the first byte.
/// </summary>
internal sealed class Preparation(
    EdgeEngine engine,
    InstalledTasks tasks,
    Inbox inbox,
    JobSchedule schedule,
    JobJournal journal,
    JobsInWork inWork,
    DecodeGate gate,
    Delivery delivery,
    StallWatch watch,
    ServiceOptions options,
    TimeProvider time,
    ILogger logger)
{
    /// <summary>A file that cannot be read, or fails in a way nobody foresaw, gets this many tries in one process.</summary>
    public const int MaximumTries = 3;

    // The smallest slice that takes its time to be decompressed.
    private const int BytesASlice = 100_000;

    private Job? _parsing;

    /// <summary>The job whose file is being parsed at this moment.</summary>
    public Job? Parsing => Volatile.Read(ref _parsing);

    /// <summary>Prepares images until cancelled.</summary>
    public async Task RunAsync(ChannelWriter<PreparedJob> prepared, ChannelWriter<EndedJob> ended, CancellationToken stopping)
    {
        while (true)
        {
            QueuedFile next = await schedule.TakeAsync(stopping);
            try
            {
                await PrepareAsync(next, prepared, ended, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                inbox.Release(next.File);
                throw;
            }
            catch (FileNotFoundException)
            {
                inbox.Release(next.File); // somebody took it away
            }
            catch (FileChangedException)
            {
                inbox.Release(next.File); // not stable after all: the next scan starts its interval anew
            }
            catch (Exception e) when (StorageTrouble.Is(e))
            {
                delivery.Postpone(next.File, e); // the journal or the folders: a disk's trouble, not this file's
            }
        }
    }

    private async Task PrepareAsync(QueuedFile next, ChannelWriter<PreparedJob> prepared, ChannelWriter<EndedJob> ended, CancellationToken stopping)
    {
        InboxFile file = next.File;
        InstalledTask? task = tasks.Find(file.Task);
        if (task is null)
        {
            inbox.Release(file); // retired since it was queued: it waits
            return;
        }
        TimeSpan queued = time.GetElapsedTime(next.QueuedAt);
        if (ReadOnce(file) is not byte[] bytes) return;
        JobKey key = new(file.Task, Convert.ToHexStringLower(SHA256.HashData(bytes)), task.BundleDigest);
        while (!inWork.TryBegin(key)) await inWork.WhenEndedAsync(key, stopping);
        bool handedOn = false;
        try
        {
            Job job = journal.Claim(key, file.Name);
            if (job.State != JobState.Parsing)
            {
                await ended.WriteAsync(new EndedJob(file, job), CancellationToken.None);
                return;
            }
            if (await ParseAsync(file, job, task, bytes, stopping) is PreparedImage image)
            {
                PrefetchFollowing();
                await prepared.WriteAsync(new PreparedJob(file, job, task, image, queued), stopping);
                handedOn = true;
            }
            else if (journal.Find(key) is { State: JobState.Quarantined } refused)
            {
                await ended.WriteAsync(new EndedJob(file, refused), CancellationToken.None);
            }
        }
        finally
        {
            if (!handedOn) inWork.End(key);
        }
    }

    // Null when the file was dealt with here: it cannot be read, or is too large.
    private byte[]? ReadOnce(InboxFile file)
    {
        try
        {
            byte[]? bytes = RegularFile.Read(file.Path, options.MaxFileBytes, out FileStamp stamp);
            if (bytes is not null) return bytes;
            delivery.QuarantineUnread(file with { Stamp = stamp },
                new Reason(Reason.TooLarge, $"found {stamp.Length} bytes, expected at most {options.MaxFileBytes}"));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && e is not (FileNotFoundException or FileChangedException))
        {
            logger.Deferred(file.Task, StorageTrouble.Describe(e));
            if (inbox.Defer(file) >= MaximumTries)
                delivery.QuarantineUnread(file, new Reason(Reason.UnreadableFile, $"{e.Message}, {MaximumTries} times"));
            return null;
        }
    }

    private async Task<PreparedImage?> ParseAsync(InboxFile file, Job job, InstalledTask task, byte[] bytes, CancellationToken stopping)
    {
        Volatile.Write(ref _parsing, job);
        try
        {
            // The process died with this file before: nothing else is parsed meanwhile.
            using IDisposable place = await gate.EnterAsync(alone: job.Attempts > 1, stopping);
            using IDisposable step = watch.Begin(task.Description.Input.Volume is { } volume ? volume.Pictures + (bytes.Length / BytesASlice) : 1);
            PreparedImage image = engine.Prepare(task, bytes);
            journal.Return(job);
            return image;
        }
        catch (ImageException e) when (e.IsFileAtFault)
        {
            journal.Quarantine(job, new Reason(Reason.UnreadableImage, e.Message));
            return null;
        }
        catch (OperationCanceledException)
        {
            journal.Return(job);
            throw;
        }
        catch (Exception e) when (e is ImageException or OutOfMemoryException)
        {
            // This machine cannot at the moment: the file waits.
            journal.Return(job);
            inbox.Defer(file);
            logger.Deferred(file.Task, Failure.Describe(e));
            return null;
        }
        catch (Exception e) when (!StorageTrouble.Is(e))
        {
            // Nobody foresaw this one; it is the file's fault only if it keeps happening.
            journal.Return(job);
            logger.Deferred(file.Task, Failure.Describe(e));
            if (inbox.Defer(file) >= MaximumTries)
                journal.Quarantine(job, new Reason(Reason.Failed, $"{e.GetType().Name} while the image was prepared, {MaximumTries} times"));
            return null;
        }
        finally
        {
            Volatile.Write(ref _parsing, null);
        }
    }

    private void PrefetchFollowing()
    {
        if (schedule.FollowingTask is string following && tasks.Find(following) is InstalledTask task) engine.Prefetch(task);
    }
}
