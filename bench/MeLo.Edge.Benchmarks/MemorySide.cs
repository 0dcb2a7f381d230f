namespace MeLo.Edge.Benchmarks;

/// <summary>Whose memory is measured.</summary>
internal enum MemorySide
{
    /// <summary>The engine with its default cache.</summary>
    Ours,

    /// <summary>The engine with a cache for one merged task.</summary>
    OursOneCached,

    /// <summary>The engine with its default cache, one of the tasks demanding fp32.</summary>
    OursOneFp32,

    /// <summary>A session a task, the model files carrying their weights.</summary>
    Sessions,

    /// <summary>A session a task, the weights in one file beside the models, which the runtime maps.</summary>
    SessionsMapped,
}
