using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Providers;

/// <summary>
/// A place where graphs can run, and everything about it that differs from the others: one class each, and nothing else knows which one runs.
/// Thread-safe.
/// </summary>
internal abstract class Provider
{
    /// <summary>The name in settings, results and messages: <c>webgpu</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The runtime's name for the provider's own memory, where merged weights stay; null where that is the host's.</summary>
    public virtual string? Memory => null;

    /// <summary>Whether graphs run on a device with memory of its own.</summary>
    public bool IsDevice => Memory is not null;

    /// <summary>The number that the device's memory goes by.</summary>
    public virtual int DeviceId => 0;

    /// <summary>The device as its driver calls it; null where that is not known.</summary>
    public virtual string? Device => null;

    /// <summary>The device as messages call it.</summary>
    public string DeviceText => Device ?? "the device";

    /// <summary>Why it is taken only where it is asked for by name, although it would start; null where it may be chosen.</summary>
    public virtual string? Drawback => null;

    /// <summary>
    /// Whether sessions can have constants that lie on the device already, and so share them: seen to work or not there. Where not, each session has
    /// its own copy.
    /// </summary>
    public virtual bool SharesConstants => false;

    /// <summary>
    /// Whether a run that found no memory leaves something behind that fails later runs of its size too, until the last session is gone: then everything on
    /// the device is made anew.
    /// </summary>
    public virtual bool IsSpoiledByLackOfMemory => false;

    /// <summary>The device memory that a tensor of so many bytes takes: an allocator may round up.</summary>
    public virtual long AllocatedBytes(long bytes) => bytes;

    /// <summary>Options for a session that runs here; the caller disposes of them.</summary>
    /// <exception cref="ProviderException">The provider cannot start.</exception>
    public OrtSessionOptions Options(SessionThreads threads)
    {
        OrtSessionOptions options = threads.Options();
        try
        {
            if (IsDevice && OrtLibrary.HasAssignments) options.With("session.record_ep_graph_assignment_info", "1");
            Append(options);
            return options;
        }
        catch (OrtException e)
        {
            options.Dispose();
            throw DeviceError(e) ?? ProviderException.Unavailable(Name, Explain(e), e);
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    /// <summary>Runs a graph of one node there, which shows that its driver and libraries are there and fit the device.</summary>
    /// <exception cref="ProviderException">They do not; the message names what is missing.</exception>
    public virtual void Check()
    {
        if (Obstacle() is { } obstacle) throw ProviderException.Unavailable(Name, obstacle);
        if (IsDevice) Try(graph => Double(graph, graph.Input("x", ElementType.F32, 1)));
    }

    /// <summary>Finds out whether the device computes with 16-bit floating point, by having it do so.</summary>
    /// <exception cref="ProviderException">The device failed.</exception>
    public bool ComputesHalf()
    {
        try
        {
            Try(graph =>
            {
                GraphValue x = graph.Input("x", ElementType.F32, 1);
                GraphValue half = graph.Cast(x, ElementType.F16);
                return graph.Cast(graph.Add(half, half), ElementType.F32, "y");
            });
            return true;
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Unavailable)
        {
            return false; // a device without memory, or a lost one, says nothing about what it computes
        }
    }

    /// <summary>The error as what it says about the device, or null where it says nothing about it.</summary>
    /// <param name="error">What the runtime said.</param>
    /// <param name="weights">What the weights of the model take on the device, in bytes; null where it is not about a model.</param>
    public ProviderException? DeviceError(OrtException error, Func<long>? weights = null) => !IsDevice ? null : DeviceFaults.Of(error) switch
    {
        DeviceFault.OutOfMemory => ProviderException.OutOfMemory(Name, DeviceText, weights?.Invoke(), error),
        DeviceFault.Lost => ProviderException.DeviceLost(Name, DeviceText, weights?.Invoke(), error),
        _ => null,
    };

    /// <summary>What of a session's graph the runtime placed on the host.</summary>
    /// <param name="session">A session with options of this provider's.</param>
    /// <param name="strict">Whether that is refused.</param>
    /// <returns>How many nodes of each operator; empty where all run here, and where the runtime is too old to tell.</returns>
    /// <exception cref="ProviderException">Something was, and it is refused.</exception>
    public IReadOnlyDictionary<string, int> NodesOnHost(OrtSession session, bool strict)
    {
        IReadOnlyDictionary<string, int> found = IsDevice && session.NodesOnHost() is { } nodes ? nodes : new Dictionary<string, int>();
        if (!strict || found.Count == 0) return found;
        throw ProviderException.Unsupported(Name,
            $"found a graph of which it does not run {string.Join(", ", found.Select(n => $"{n.Key} ({n.Value}x)"))}, expected one that runs on the device entirely, since that is asked for (strict)");
    }

    /// <summary>Adds the provider to a session's options.</summary>
    /// <exception cref="OrtException">The runtime cannot start it.</exception>
    /// <exception cref="ProviderException">It is known beforehand that it cannot start.</exception>
    protected abstract void Append(OrtSessionOptions options);

    /// <summary>What hinders it, as far as that shows without the runtime, whose own words seldom name it: what was found, and what was expected; null where nothing does.</summary>
    protected virtual string? Obstacle() => null;

    /// <summary>Why the runtime cannot start it although nothing hinders it.</summary>
    protected virtual string Explain(OrtException error) => error.Message;

    /// <summary>What hinders it where the runtime's library was built without the provider; null where it has it.</summary>
    /// <param name="runtimeName">The runtime's name for the provider.</param>
    protected static string? NotBuiltIn(string runtimeName) => OrtLibrary.AvailableProviders().Contains(runtimeName)
        ? null : $"found ONNX Runtime {OrtLibrary.Version} without {runtimeName}, expected a build with it";

    private static GraphValue Double(GraphBuilder graph, GraphValue x) => graph.Add(x, x, "y");

    private void Try(Func<GraphBuilder, GraphValue> build)
    {
        GraphBuilder graph = new("check");
        graph.Output(build(graph));
        using OrtSessionOptions options = Options(SessionThreads.Of(1)).With("session.disable_cpu_ep_fallback", "1");
        try
        {
            using OrtSession session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
            using OrtValue x = OrtValue.FromArray([1], [1]);
            foreach (OrtValue y in session.Run([x])) y.Dispose();
        }
        catch (OrtException e)
        {
            throw DeviceError(e) ?? ProviderException.Unavailable(Name, Explain(e), e);
        }
    }
}
