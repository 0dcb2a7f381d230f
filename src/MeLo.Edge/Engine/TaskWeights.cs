using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Engine;

/// <summary>
/// A task's merged matrices and head as values that a run binds. Immutable. Whoever runs with it holds a lease; the memory goes
/// back to its pool after the last lease, never under a run. So long the model that they were merged for stays too.
/// </summary>
internal sealed class TaskWeights
{
    private readonly OrtValue?[] _inputs;
    private readonly OrtValue[] _owned;
    private readonly TaskBuffer _buffer;
    private readonly WeightBuffers _pool;
    private int _leases = 1; // the maker's

    /// <param name="model">The model that made them, held by the caller: they take a hold of their own.</param>
    /// <param name="inputs">The session's inputs in its order, null where the pixels go.</param>
    /// <param name="owned">Those of them that live and die with these weights (the others are the base's and the buffer's).</param>
    /// <param name="buffer">The merged matrices.</param>
    /// <param name="pool">Where the buffer goes back to.</param>
    public TaskWeights(ResidentModel model, OrtValue?[] inputs, OrtValue[] owned, TaskBuffer buffer, WeightBuffers pool)
    {
        model.TryHold();
        Model = model;
        _inputs = inputs;
        _owned = owned;
        _buffer = buffer;
        _pool = pool;
    }

    /// <summary>The model to run them with.</summary>
    public ResidentModel Model { get; }

    /// <summary>The values of every input but the pixels, null there.</summary>
    public ReadOnlySpan<OrtValue?> Inputs => _inputs;

    /// <summary>Takes a lease, unless the last one is already gone.</summary>
    public bool TryLease()
    {
        int seen = Volatile.Read(ref _leases);
        while (seen > 0)
        {
            int found = Interlocked.CompareExchange(ref _leases, seen + 1, seen);
            if (found == seen) return true;
            seen = found;
        }
        return false;
    }

    /// <summary>Gives a lease back.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _leases);
        ObjectDisposedException.ThrowIf(left < 0, this);
        if (left > 0) return;
        foreach (OrtValue value in _owned) value.Dispose();
        _pool.Return(_buffer);
        Model.Dispose();
    }
}
