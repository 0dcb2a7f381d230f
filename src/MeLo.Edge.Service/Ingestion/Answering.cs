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
        await foreach (PreparedJob next in prepared.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                if (stopping.IsCancellationRequested) inbox.Release(next.File);
                else await AnswerAsync(next, ended);
            }
            finally
            {
                inWork.End(next.Job.Key);
            }
        }
    }

    private async Task AnswerAsync(PreparedJob next, ChannelWriter<EndedJob> ended)
    {
        try
        {
            Prediction prediction;
            using (watch.Begin()) prediction = await engine.PredictAsync(next.Task, next.Image, CancellationToken.None);
            costs.Record(next.Task.Task, prediction.Timing);
            byte[] result = ResultDocument.Write(prediction, next.Job.Name, next.Job.Key.Input, next.Queued, time.GetUtcNow());
            Job done = journal.Complete(next.Job, result, prediction.Release);
            _failures = 0;
            metrics.Result(next.Job.Key.Task);
            await ended.WriteAsync(new EndedJob(next.File, done), CancellationToken.None);
        }
        catch (EngineException e) when (e.Fault == EngineFault.Expired)
        {
            inbox.Release(next.File); // it waits for a bundle that is valid; the bundle folder retires this one
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            delivery.Postpone(next.File, e); // the result could not be committed: it is made again
        }
        catch (Exception e) when (++_failures < MaximumFailures)
        {
            logger.PredictionFailed(next.File.Task, Failure.Describe(e));
            if (inbox.Defer(next.File) < Preparation.MaximumTries) return;
            Job refused = journal.Quarantine(next.Job, new Reason(Reason.Failed, $"{e.GetType().Name} while the model ran, {Preparation.MaximumTries} times"));
            await ended.WriteAsync(new EndedJob(next.File, refused), CancellationToken.None);
        }
    }
}
