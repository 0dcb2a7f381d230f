using System.Threading.Channels;
using MeLo.Edge.Engine;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>The second step: the model answers, and the whole result is committed before any file of it is written.</summary>
internal sealed class Answering(
    EdgeEngine engine,
    Inbox inbox,
    JobJournal journal,
    JobsInWork inWork,
    Delivery delivery,
    StallWatch watch,
    ServiceMetrics metrics,
    DeviceCosts costs,
    TimeProvider time,
    ILogger logger)
{
    /// <summary>This many failed predictions with no success between them, and the engine is to blame: a fresh process may do better.</summary>
    public const int MaximumFailures = 6;

    private int _failures;

    /// <summary>Answers until there is no more; once stopping, images that are not begun go back to waiting.</summary>
    public async Task RunAsync(ChannelReader<PreparedJob> prepared, ChannelWriter<EndedJob> ended, CancellationToken stopping)
    {
        // While one answer is committed the model runs for the next image: a commit waits for the disk, tens of milliseconds for a slow one.
        Task committing = Task.CompletedTask;
        try
        {
            await foreach (PreparedJob next in prepared.ReadAllAsync(CancellationToken.None))
            {
                if (stopping.IsCancellationRequested)
                {
                    inbox.Release(next.File);
                    inWork.End(next.Job.Key);
                    continue;
                }
                Prediction? prediction = await AnswerAsync(next, ended);
                await committing;
                committing = prediction is null ? Task.CompletedTask : Task.Run(() => CommitAsync(next, prediction, ended), CancellationToken.None);
            }
        }
        finally
        {
            await committing;
        }
    }

    // Null when there is no answer, and the job is dealt with.
    private async Task<Prediction?> AnswerAsync(PreparedJob next, ChannelWriter<EndedJob> ended)
    {
        Prediction? prediction = null;
        try
        {
            using (watch.Begin()) prediction = await engine.PredictAsync(next.Task, next.Image, CancellationToken.None);
            costs.Record(next.Task.Task, prediction.Timing);
        }
        catch (EngineException e) when (e.Fault == EngineFault.Expired)
        {
            inbox.Release(next.File); // it waits for a bundle that is valid; the bundle folder retires this one
        }
        catch (Exception e) when (Interlocked.Increment(ref _failures) < MaximumFailures)
        {
            await FailAsync(next, e, ended);
        }
        finally
        {
            if (prediction is null) inWork.End(next.Job.Key);
        }
        return prediction;
    }

    private async Task CommitAsync(PreparedJob next, Prediction prediction, ChannelWriter<EndedJob> ended)
    {
        try
        {
            byte[] result = ResultDocument.Write(prediction, next.Job.Name, next.Job.Key.Input, next.Queued, time.GetUtcNow());
            Job done = journal.Complete(next.Job, result, prediction.Release);
            Volatile.Write(ref _failures, 0);
            metrics.Result(next.Job.Key.Task);
            await ended.WriteAsync(new EndedJob(next.File, done), CancellationToken.None);
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            delivery.Postpone(next.File, e); // the result could not be committed: it is made again
        }
        catch (Exception e) when (Interlocked.Increment(ref _failures) < MaximumFailures)
        {
            await FailAsync(next, e, ended);
        }
        finally
        {
            inWork.End(next.Job.Key);
        }
    }

    private async Task FailAsync(PreparedJob next, Exception e, ChannelWriter<EndedJob> ended)
    {
        logger.PredictionFailed(next.File.Task, Failure.Describe(e));
        if (inbox.Defer(next.File) < Preparation.MaximumTries) return;
        Job refused = journal.Quarantine(next.Job, new Reason(Reason.Failed, $"{e.GetType().Name} while the model ran, {Preparation.MaximumTries} times"));
        await ended.WriteAsync(new EndedJob(next.File, refused), CancellationToken.None);
    }
}
