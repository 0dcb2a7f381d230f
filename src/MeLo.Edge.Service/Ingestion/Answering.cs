using System.Threading.Channels;
using MeLo.Edge.Engine;
using MeLo.Edge.Providers;
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
            await foreach (PreparedJob first in prepared.ReadAllAsync(CancellationToken.None))
            {
                // What is ready goes together, where that is faster; nothing is waited for.
                List<PreparedJob> batch = [first];
                while (batch.Count < engine.MaxBatch && prepared.TryRead(out PreparedJob? next)) batch.Add(next);
                if (stopping.IsCancellationRequested)
                {
                    foreach (PreparedJob job in batch) GiveBack(job);
                    continue;
                }
                List<(PreparedJob Job, Prediction Prediction)> answered = await AnswerAsync(batch, ended);
                await committing;
                committing = Task.Run(() => CommitAsync(answered, ended), CancellationToken.None);
            }
        }
        finally
        {
            await committing;
        }
    }

    private void GiveBack(PreparedJob job)
    {
        inbox.Release(job.File);
        inWork.End(job.Job.Key);
    }

    // Those without an answer are dealt with here.
    private async Task<List<(PreparedJob, Prediction)>> AnswerAsync(List<PreparedJob> batch, ChannelWriter<EndedJob> ended)
    {
        List<(PreparedJob, Prediction)> answered = [];
        using IDisposable step = watch.Begin(batch.Sum(j => j.Image.Pictures));
        Task<Prediction>[] predictions = engine.PredictAsync([.. batch.Select(j => new PredictionRequest(j.Task, j.Image))], CancellationToken.None);
        for (int i = 0; i < predictions.Length; i++)
        {
            PreparedJob job = batch[i];
            bool isAnswered = false;
            try
            {
                Prediction prediction = await predictions[i];
                costs.Record(job.Task.Task, prediction.Timing);
                answered.Add((job, prediction));
                isAnswered = true;
            }
            catch (EngineException e) when (e.Fault == EngineFault.Expired)
            {
                inbox.Release(job.File); // it waits for a bundle that is valid; the bundle folder retires this one
            }
            catch (ProviderException e) when (e.Fault == ProviderFault.OutOfMemory)
            {
                await FailAsync(job, e, ended); // this image's run is too large for the device, or others use it: no fault of the engine's
            }
            catch (Exception e) when (e is not ProviderException { Fault: ProviderFault.DeviceLost } && Interlocked.Increment(ref _failures) < MaximumFailures)
            {
                await FailAsync(job, e, ended);
            }
            finally
            {
                if (!isAnswered) inWork.End(job.Job.Key);
            }
        }
        return answered;
    }

    private async Task CommitAsync(List<(PreparedJob Job, Prediction Prediction)> answered, ChannelWriter<EndedJob> ended)
    {
        foreach ((PreparedJob job, Prediction prediction) in answered) await CommitAsync(job, prediction, ended);
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
        Job refused = journal.Quarantine(next.Job, new Reason(Reason.Failed, e is ProviderException ? $"{e.Message}, {Preparation.MaximumTries} times" : $"{e.GetType().Name} while the model ran, {Preparation.MaximumTries} times"));
        await ended.WriteAsync(new EndedJob(next.File, refused), CancellationToken.None);
    }
}
