using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Steps;

/// <summary>
/// A training graph that runs with parameters which lie in this process: their values are seen as they are at each run. Runs go side by side in lanes, one thread each:
/// a training graph's operators are too small to be shared by threads without much waiting. Not thread-safe.
/// </summary>
internal sealed class GraphSession : IDisposable
{
    private readonly OrtSession _session;
    private readonly List<(string Name, OrtValue Value)> _values = [];
    private readonly List<GraphLane> _lanes = [];

    /// <param name="graph">The graph.</param>
    /// <param name="weightsFolder">Where the files lie that its constants refer to.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">Threads of the host that compute, from 1. Those without a lane help where an operator can be shared.</param>
    /// <param name="lanes">Runs that go side by side, 1 to <paramref name="threads"/>.</param>
    /// <param name="parameters">What learns: inputs of the graph. Gradients that the graph has as outputs are written to them by the first lane's runs.</param>
    /// <exception cref="ProviderException">The provider cannot start.</exception>
    public GraphSession(GraphBuilder graph, string weightsFolder, Provider provider, int threads, int lanes, IReadOnlyList<LearnedParameter> parameters)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lanes, threads);
        // The runtime counts the thread that calls. A plan ahead would be one block of a run's largest need beside what the first run took from the system already.
        using OrtSessionOptions options = provider.Options(SessionThreads.Of(threads - lanes + 1)).WithoutMemoryPattern().WithExternalData(weightsFolder);
        _session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        foreach (LearnedParameter parameter in parameters) _values.Add((parameter.Name, OrtValue.FromArray(parameter.Values, [.. parameter.Shape])));
        for (int i = 0; i < lanes; i++) _lanes.Add(new GraphLane(_session, graph, provider.IsDevice, _values, parameters, ownsGradients: i > 0));
    }

    /// <summary>The most runs that go side by side.</summary>
    public int Lanes => _lanes.Count;

    /// <summary>Runs the graph, once for each list of inputs, all at the same time.</summary>
    /// <param name="runs">For each run, at most <see cref="Lanes"/> of them, every input that is no parameter.</param>
    /// <param name="cancellation">Stops the runs at the next operator.</param>
    /// <returns>For each run the outputs that are no gradients, by name.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ProviderException">The device failed.</exception>
    public IReadOnlyList<IReadOnlyDictionary<string, float[]>> Run(IReadOnlyList<IReadOnlyList<GraphInput>> runs, CancellationToken cancellation)
    {
        // Threads of their own: the pool's are preparing the next pictures, and a run that waited for one would hold up the others.
        List<Task<IReadOnlyDictionary<string, float[]>>> others = [];
        try
        {
            foreach ((GraphLane lane, IReadOnlyList<GraphInput> inputs) in _lanes.Zip(runs).Skip(1))
                others.Add(Task.Factory.StartNew(() => lane.Run(inputs, cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
            IReadOnlyDictionary<string, float[]> first = _lanes[0].Run(runs[0], cancellation);
            return [first, .. others.Select(t => t.GetAwaiter().GetResult())];
        }
        finally
        {
            // Whatever failed, nothing runs any more when this returns.
            Task.WhenAll((IEnumerable<Task>)others).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        }
    }

    /// <summary>Adds the gradients of a lane's last run to the parameters'.</summary>
    /// <param name="lane">1 to below <see cref="Lanes"/>: the first lane's are the parameters'.</param>
    public void AddGradients(int lane) => _lanes[lane].AddGradients();

    public void Dispose()
    {
        foreach (GraphLane lane in _lanes) lane.Dispose();
        foreach ((_, OrtValue value) in _values) value.Dispose();
        _session.Dispose();
    }
}
