namespace MeLo.Edge.Training.Steps;

/// <summary>The inputs of an epoch's runs in their order, each made while the one before is learnt from. Not thread-safe.</summary>
internal sealed class StepInputs : IDisposable
{
    private readonly ISampleInputs _inputs;
    private readonly int[][] _parts;
    private readonly int _epoch;
    private readonly float[][] _buffers;
    private Task<GraphInput>? _next;
    private int _made;

    /// <param name="inputs">What makes them.</param>
    /// <param name="order">The epoch's samples in its order.</param>
    /// <param name="settings">How many go together.</param>
    /// <param name="epoch">The pass, from 1.</param>
    public StepInputs(ISampleInputs inputs, IReadOnlyList<int> order, TrainingSettings settings, int epoch)
    {
        _inputs = inputs;
        _epoch = epoch;
        _parts = [.. order.Chunk(settings.Batch).SelectMany(batch => batch.Chunk(settings.MicroBatch))];
        int length = _parts.Max(part => part.Length) * inputs.Length;
        _buffers = [new float[length], new float[length]];
        Begin();
    }

    /// <summary>The next run's input; valid until the next but one is taken.</summary>
    public GraphInput Take()
    {
        GraphInput input = (_next ?? throw new InvalidOperationException("Found no part left, expected as many as the epoch has.")).GetAwaiter().GetResult();
        Begin();
        return input;
    }

    /// <summary>Waits for what is being made.</summary>
    public void Dispose() => _next?.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).Wait();

    private void Begin()
    {
        if (_made == _parts.Length)
        {
            _next = null;
            return;
        }
        int[] part = _parts[_made];
        float[] buffer = _buffers[_made++ % _buffers.Length];
        _next = Task.Run(() => _inputs.Fill(part, _epoch, buffer));
    }
}
