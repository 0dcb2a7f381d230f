using System.Numerics.Tensors;
using MeLo.Edge.Bundles;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Engine;

/// <summary>An image of a batch, and what its caller waits for: it ends once, with an answer or with the reason why there is none.</summary>
internal sealed class PendingPrediction(PredictionRequest request)
{
    // The caller's code must not run on the thread that has the turn.
    private readonly TaskCompletionSource<Prediction> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The image and its task.</summary>
    public PredictionRequest Request => request;

    /// <summary>What its caller waits for.</summary>
    public Task<Prediction> Task => _completion.Task;

    /// <summary>Ends it with what a run gave for it, unless a number of that is not finite.</summary>
    /// <param name="answer">The run's.</param>
    /// <param name="baseDigest">Of the base that ran.</param>
    /// <param name="provider">Where it ran.</param>
    /// <param name="telemetry">Counts it if it is answered.</param>
    public void Finish(RunAnswer answer, string baseDigest, ExecutionProvider provider, EdgeTelemetry telemetry)
    {
        (InstalledTask task, PreparedImage image) = request;
        (float[] logits, double[] probabilities) = Conclude(task, answer.Logits);
        if (!TensorPrimitives.IsFiniteAll<float>(answer.Logits) || !TensorPrimitives.IsFiniteAll<float>(logits))
        {
            Fail(EngineException.Bundle(EngineFault.NotFinite, task.Task, task.Release, "found a logit that is not finite, expected numbers"));
            return;
        }
        PredictionTiming timing = new(image.DecodeMilliseconds, image.PreprocessMilliseconds, answer.Switch, answer.Milliseconds, answer.Images, answer.IsMixed);
        telemetry.Record(task.Task, timing, answer.IsFirst);
        ClassScore[] scores = [.. task.Description.Head.Labels.Select((label, i) => new ClassScore(label, logits[i], probabilities[i]))];
        ClassScore best = scores.MaxBy(s => s.Logit)!;
        _completion.TrySetResult(new Prediction
        {
            Task = task.Task,
            Release = task.Release,
            Label = best.Label,
            Probability = best.Probability,
            Scores = scores,
            BaseDigest = baseDigest,
            BundleDigest = task.BundleDigest,
            Precision = task.Precision,
            Provider = provider,
            Timing = timing,
        });
    }

    /// <summary>Ends it with why there is no answer.</summary>
    public void Fail(Exception reason)
    {
        if (reason is OperationCanceledException cancelled) _completion.TrySetCanceled(cancelled.CancellationToken);
        else _completion.TrySetException(reason);
    }

    private static (float[] Logits, double[] Probabilities) Conclude(InstalledTask task, float[] logits)
    {
        HeadActivation activation = task.Description.Head.Activation;
        return task.Description.Input.Volume is { } volume
            ? SliceAnswers.Aggregate(logits, volume.Aggregation, activation, task.Adapter)
            : (logits, Activations.Apply(activation, logits));
    }
}
