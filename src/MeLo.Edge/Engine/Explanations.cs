using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>
/// Attention rollouts, one at a time, on a model that is loaded for the first of them and let go of when there was none for a while. Thread-safe.
/// </summary>
/// <param name="package">The base.</param>
/// <param name="threads">The threads that run it.</param>
/// <param name="hold">Gives a hold on the engine's own model where that is on the processor, so that both read the same pristine matrices; null on a device.</param>
/// <param name="turn">What runs on the processor take turns by; null where the model runs on a device, which an explanation does not keep waiting.</param>
/// <param name="time">The clock of the pause after which the model goes.</param>
internal sealed class Explanations(BasePackage package, SessionThreads threads, Func<ResidentModel>? hold, SemaphoreSlim? turn, TimeProvider time) : IDisposable
{
    /// <summary>Loading takes a second or two for ViT-B/16: not for every picture of somebody who looks at one after the other.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _own = new(1);
    private RolloutModel? _model;
    private ITimer? _timer;
    private volatile bool _disposed;

    /// <summary>Whether the model is in memory.</summary>
    public bool IsLoaded => Volatile.Read(ref _model) is not null;

    /// <summary>The shares of all tokens, [tokens].</summary>
    /// <exception cref="ObjectDisposedException">The engine is gone.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="OrtException">The run failed.</exception>
    public async Task<float[]> RollAsync(LoraAdapter adapter, float[] pixels, CancellationToken cancellation)
    {
        await _own.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(EdgeEngine));
            // Loading and merging do not keep the engine's runs waiting.
            using RolloutWeights weights = await Task.Run(() => (_model ??= Load()).Merge(adapter), cancellation).ConfigureAwait(false);
            if (turn is not null) await turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await Task.Run(() => _model!.Run(weights, pixels, cancellation), cancellation).ConfigureAwait(false);
            }
            finally
            {
                turn?.Release();
            }
        }
        finally
        {
            if (!_disposed)
            {
                _timer ??= time.CreateTimer(_ => LetGo(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _timer.Change(Pause, Timeout.InfiniteTimeSpan);
            }
            _own.Release();
        }
    }

    /// <summary>Frees the model after the explanation that is under way; those that wait then fail. Not with the turn.</summary>
    public void Dispose()
    {
        _disposed = true;
        _own.Wait();
        try
        {
            _timer?.Dispose();
            Free();
        }
        finally
        {
            _own.Release();
        }
    }

    // One that is under way sets the clock again at its end.
    private void LetGo()
    {
        if (!_own.Wait(0)) return;
        try
        {
            Free();
        }
        finally
        {
            _own.Release();
        }
    }

    private void Free()
    {
        _model?.Dispose();
        _model = null;
    }

    private RolloutModel Load()
    {
        using ResidentModel? beside = hold?.Invoke();
        return new RolloutModel(package, threads, beside);
    }
}
