namespace MeLo.Edge.Service.Ingestion;

/// <summary>A signal that a loop waits for between two rounds; any number of signals count as one.</summary>
internal sealed class Hint
{
    private volatile TaskCompletionSource _signal = New();

    public void Give() => _signal.TrySetResult();

    /// <summary>Waits until a hint was given since the last wait, or a time has passed; then clears the hint.</summary>
    public async Task WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await _signal.Task.WaitAsync(atMost, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The scan is due anyway.
        }
        _signal = New();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
