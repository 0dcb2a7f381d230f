using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>
/// The base's graph of one precision, in memory while somebody holds it: the engine its own for good, installed tasks and merged
/// weights the one that runs beside it. Thread-safe.
/// </summary>
/// <param name="package">The base; its precisions include this one.</param>
/// <param name="precision">Which graph.</param>
/// <param name="provider">Where it runs.</param>
/// <param name="threads">The threads that run it.</param>
/// <param name="strict">Whether a graph that would run partly on the host is refused.</param>
/// <param name="loaded">The model where it is loaded already, held by the caller.</param>
/// <param name="beside">A graph whose pristine weights this one reads, and keeps alive, instead of holding them twice.</param>
internal sealed class BaseGraph(
    BasePackage package, Precision precision, Provider provider, SessionThreads threads, bool strict, ResidentModel? loaded = null, BaseGraph? beside = null) : IDisposable
{
    private readonly Lock _lock = new();
    private ResidentModel? _model = loaded;
    private bool _disposed;

    public Precision Precision => precision;

    /// <summary>A hold on the model, which is loaded now unless somebody else holds it; the caller disposes of it when it is done.</summary>
    /// <exception cref="EngineException">The package has no such graph, or one that does not fit.</exception>
    /// <exception cref="ObjectDisposedException">The engine is gone.</exception>
    public ResidentModel Hold()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(EdgeEngine));
            if (_model is null || !_model.TryHold())
            {
                using ResidentModel? held = beside?.Hold();
                _model = new ResidentModel(package, precision, provider, threads, strict, held);
            }
            return _model;
        }
    }

    /// <summary>Nobody gets a hold any more; those who have one keep it.</summary>
    public void Dispose()
    {
        lock (_lock) _disposed = true;
    }
}
