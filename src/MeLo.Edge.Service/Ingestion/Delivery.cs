using System.Threading.Channels;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>A job that has ended, and the file in the inbox that it ended for.</summary>
internal sealed record EndedJob(InboxFile File, Job Job);

/// <summary>
/// The last step: what the journal says becomes files. Every part of it can be repeated after a crash with the same outcome: the result
/// file has the committed bytes, and the input leaves the inbox only if it still holds the content that was dealt with.
/// </summary>
internal sealed class Delivery(DataFolder folder, ServiceOptions options, JobJournal journal, Inbox inbox, ReportWriter reports, Worklist worklist, HeatMapWriter heatMaps, Conditions conditions, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    private readonly Outbox _outbox = new(folder.Outbox);
    private readonly Channel<EndedJob> _delivered = Channel.CreateUnbounded<EndedJob>(); // each but a name: the inbox has the files
    private volatile bool _owing;

    /// <summary>Delivers until there is no more.</summary>
    public async Task RunAsync(ChannelReader<EndedJob> ended)
    {
        try
        {
            await foreach (EndedJob job in ended.ReadAllAsync()) Deliver(job);
        }
        finally
        {
            _delivered.Writer.TryComplete();
        }
    }

    /// <summary>
    /// Beside that: makes heat maps of results that are out, which never wait for them, and then lets their inputs leave the inbox. Those that are not begun when the service stops are made after its next start.
    /// </summary>
    public async Task ExplainAsync(CancellationToken stopping)
    {
        await foreach ((InboxFile file, Job job) in _delivered.Reader.ReadAllAsync(CancellationToken.None))
        {
            if (stopping.IsCancellationRequested)
            {
                inbox.Release(file);
                continue;
            }
            try
            {
                await heatMaps.WriteAsync(file, journal.Find(job.Key) ?? job, stopping);
                SettleResult(file, job);
                End(file);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                inbox.Release(file);
            }
            catch (Exception e) when (StorageTrouble.Is(e))
            {
                Postpone(file, e);
            }
        }
    }

    /// <summary>Removes half-written files and puts half-moved inputs back: before anything else at start-up.</summary>
    /// <returns>How many inputs were put back.</returns>
    public int Recover()
    {
        _outbox.RemoveLeftovers();
        int count = 0;
        foreach (string settled in (string[])[folder.Processed, folder.Quarantine])
        {
            foreach (string task in Directory.EnumerateDirectories(settled))
            {
                DurableFile.RemoveLeftovers(task);
                count += new SettledFolder(task).PutBackUnfinished(Path.Combine(folder.Inbox, Path.GetFileName(task)));
            }
        }
        _owing = true;
        return count;
    }

    /// <summary>Writes results that were committed but may not have reached the outbox. Their inputs are found by the next scan.</summary>
    /// <returns>How many results were written.</returns>
    public int DeliverOwed()
    {
        if (!_owing) return 0;
        int count = 0;
        try
        {
            foreach (Job job in journal.Undelivered())
            {
                AnsweredInput input = new(InInbox(job), job.Key.Input, options.MaxFileBytes);
                if (reports.NeedsInput && input.Bytes is not null) reports.Write(input, job); // else where the scan finds it
                WriteResult(job, input);
                journal.MarkDelivered(job, DeliveryState.Written);
                worklist.Note(job.Key.Task);
                count++;
            }
            _owing = false;
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            Hinder(e);
        }
        return count;
    }

    /// <summary>Takes a file that could not even be read out of the inbox: it has no digest, so it is known by its stamp.</summary>
    public void QuarantineUnread(InboxFile file, Reason reason)
    {
        byte[] document = ReasonDocument.Quarantined(file.Task, file.Name, null, reason, time.GetUtcNow());
        TakeOutcome outcome = Settled(folder.Quarantine, file.Task).Take(
            file.Path, path => RegularFile.Look(path, out FileStamp stamp) == FileKind.Regular && stamp == file.Stamp, FileNames.Safe(file.Name), document);
        if (outcome == TakeOutcome.Taken)
        {
            journal.Audit(AuditEvent.Quarantined, file.Task, null, null, detail: reason.Code);
            metrics.Quarantine(reason.Code);
            logger.Quarantined(file.Task, reason.Code, "not read");
            inbox.Settle(file);
        }
        else inbox.Release(file);
    }

    /// <summary>Leaves a file for a later try because of the storage, whichever step met it: one condition, not a log line a file.</summary>
    public void Postpone(InboxFile file, Exception trouble)
    {
        inbox.Defer(file);
        Hinder(trouble);
    }

    private void Deliver(EndedJob ended)
    {
        (InboxFile file, Job job) = ended;
        try
        {
            if (job.State == JobState.Done)
            {
                DeliverResult(file, job);
                if (heatMaps.IsOn && _delivered.Writer.TryWrite(ended)) return;
                SettleResult(file, job);
            }
            else DeliverQuarantined(file, job);
            End(file);
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            // The journal keeps the outcome. The file is seen again by a scan, and ends here again without being parsed.
            _owing = true;
            Postpone(file, e);
        }
    }

    private void DeliverResult(InboxFile file, Job claimed)
    {
        Job job = journal.Find(claimed.Key) ?? claimed; // the same content may have been delivered since
        AnsweredInput input = new(file.Path, job.Key.Input, options.MaxFileBytes);
        // Before the result: whoever sees that finds them.
        reports.Write(input, job);
        bool isThere = _outbox.Has(job);
        // Whoever drops the same content again after its result was fetched gets the same result again, byte by byte. One that was written and whose input has not left the inbox yet was fetched too, if it is gone; one that was
        // owed may have been written without its input, and so without the patient.
        if (job.Delivery == DeliveryState.None || (job.Delivery == DeliveryState.Settled && !isThere) || (job.Delivery == DeliveryState.Written && isThere && options.IncludePatient)) WriteResult(job, input);
        if (job.Delivery == DeliveryState.None && heatMaps.IsOn) journal.MarkDelivered(job, DeliveryState.Written);
    }

    // A heat map of an older release is none of this result.
    private void WriteResult(Job job, AnsweredInput input)
    {
        if (job.Delivery == DeliveryState.None) heatMaps.Remove(job);
        _outbox.Write(job, reports.Result(input, job));
    }

    private void SettleResult(InboxFile file, Job claimed)
    {
        Job job = journal.Find(claimed.Key) ?? claimed;
        bool hadResult = job.Delivery == DeliveryState.Settled;
        TakeOutcome outcome = Take(folder.Processed, file, job, file.Name, reason: null);
        journal.MarkDelivered(job, DeliveryState.Settled);
        if (!hadResult) worklist.Note(job.Key.Task);
        if (!hadResult || outcome != TakeOutcome.Taken) return;
        journal.Audit(AuditEvent.Duplicate, job.Key.Task, null, job.Key.Bundle, job.Key.Input);
        metrics.Duplicate(job.Key.Task);
    }

    private void End(InboxFile file)
    {
        inbox.Settle(file);
        // One task's folders work: that says nothing about another's, whose files still wait.
        if (!inbox.HasDeferred && conditions.Clear(Conditions.Storage)) logger.NoLongerHindered(Conditions.Storage);
    }

    private void DeliverQuarantined(InboxFile file, Job job)
    {
        Reason reason = job.Reason!;
        byte[] document = ReasonDocument.Quarantined(job.Key.Task, file.Name, job.Key.Input, reason, time.GetUtcNow());
        if (Take(folder.Quarantine, file, job, FileNames.Safe(file.Name), document) == TakeOutcome.Taken)
        {
            metrics.Quarantine(reason.Code);
            logger.Quarantined(job.Key.Task, reason.Code, job.Key.Input);
        }
        journal.MarkDelivered(job, DeliveryState.Settled);
    }

    // Where an input lies if it has not been moved since, or put back under another name.
    private string InInbox(Job job)
    {
        string inbox = Path.Combine(folder.Inbox, job.Key.Task), urgent = Path.Combine(inbox, DataFolder.StatName, job.Name);
        return File.Exists(urgent) ? urgent : Path.Combine(inbox, job.Name);
    }

    private static TakeOutcome Take(string settled, InboxFile file, Job job, string name, byte[]? reason) =>
        Settled(settled, file.Task).Take(file.Path, path => RegularFile.Sha256(path) == job.Key.Input, name, reason);

    private static SettledFolder Settled(string settled, string task) => new(Path.Combine(settled, task));

    private void Hinder(Exception e)
    {
        string detail = StorageTrouble.Describe(e);
        if (conditions.Set(Conditions.Storage, detail)) logger.Hindered(Conditions.Storage, detail);
    }
}
