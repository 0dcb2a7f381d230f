using System.Threading.Channels;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// The three steps side by side: while the model answers for one image, the next one is decoded and the one before is delivered. The
/// channels between them are short, so that little is in work when the process ends. Heat maps, which no result waits for, are made behind them.
/// </summary>
/// <param name="preparation">The first step.</param>
/// <param name="answering">The second.</param>
/// <param name="delivery">The third.</param>
/// <param name="maxBatch">The most images that the model takes together.</param>
internal sealed class Pipeline(Preparation preparation, Answering answering, Delivery delivery, int maxBatch)
{
    private const int EndedBehind = 16;

    // While a batch runs the next one is prepared.
    private readonly int _preparedAhead = 2 * maxBatch;

    /// <summary>Runs until cancelled, then finishes what has begun. Throws what a step failed with.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using CancellationTokenSource failed = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Channel<PreparedJob> prepared = Channel.CreateBounded<PreparedJob>(_preparedAhead);
        Channel<EndedJob> ended = Channel.CreateBounded<EndedJob>(EndedBehind);

        Task preparing = Step(() => preparation.RunAsync(prepared.Writer, ended.Writer, failed.Token), failed);
        Task answers = Step(() => answering.RunAsync(prepared.Reader, ended.Writer, failed.Token), failed);
        Task deliveries = Step(() => delivery.RunAsync(ended.Reader), failed, ended.Writer);
        Task explanations = Step(() => delivery.ExplainAsync(failed.Token), failed);

        // Each step ends when the one before has ended and what it handed on is dealt with.
        await Ended(preparing);
        prepared.Writer.Complete();
        await Ended(answers);
        ended.Writer.TryComplete();
        await Ended(deliveries);
        await Ended(explanations);
        foreach (Task step in (Task[])[explanations, deliveries, answers, preparing])
        {
            if (step.IsFaulted) await step;
        }
    }

    // A step that fails stops the others. Each has a thread of the pool to itself from the start: decoding does not yield.
    private static Task Step(Func<Task> step, CancellationTokenSource failed, ChannelWriter<EndedJob>? input = null) => Task.Run(async () =>
    {
        try
        {
            await step();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            input?.TryComplete(e); // nobody takes what the others hand on: they must not wait for it
            await failed.CancelAsync();
            throw;
        }
    });

    private static async Task Ended(Task step) => await step.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
