namespace MeLo.Edge.Training.Steps;

/// <summary>The inputs of an epoch's runs in their order, those that go side by side together, each lot made while the one before is learnt from. Not thread-safe.</summary>
internal sealed class StepInputs : IDisposable
{
    private readonly ISampleInputs _inputs;
    private readonly int[][][] _lots;
    private readonly int _epoch;
    private readonly float[][][] _buffers;
    private Task<GraphInput[]>? _next;
    private int _made;

    /// <param name="inputs">What makes them.</param>
    /// <param name="lots">The samples of each run, by what goes side by side, in the epoch's order.</param>
    /// <param name="epoch">The pass, from 1.</param>
    public StepInputs(ISampleInputs inputs, IEnumerable<int[][]> lots, int epoch)
    {
        _inputs = inputs;
        _epoch = epoch;
        _lots = [.. lots];
        int length = _lots.Max(lot => lot.Max(run => run.Length)) * inputs.Length;
        _buffers = [Buffers(), Buffers()];
        Begin();

        float[][] Buffers() => [.. Enumerable.Range(0, _lots.Max(lot => lot.Length)).Select(_ => new float[length])];
    }

    /// <summary>The inputs of the next runs; valid until the next ones are taken.</summary>
    public IReadOnlyList<GraphInput> Take()
    {
        GraphInput[] inputs = (_next ?? throw new InvalidOperationException("Found no run left, expected as many as the epoch has.")).GetAwaiter().GetResult();
        Begin();
        return inputs;
    }

    /// <summary>Waits for what is being made.</summary>
    public void Dispose() => _next?.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).Wait();

    private void Begin()
    {
        if (_made == _lots.Length)
        {
            _next = null;
            return;
        }
        int[][] lot = _lots[_made];
        float[][] buffers = _buffers[_made++ % _buffers.Length];
        _next = Task.Run(() => _inputs.Fill(lot, _epoch, buffers));
    }
}
