using System.Numerics.Tensors;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Steps;

/// <summary>The step of a batch: its runs, as many side by side as the plan says, and the sum of their gradients. Not thread-safe.</summary>
internal sealed class BatchStep : IDisposable
{
    private readonly GraphSession _session;
    private readonly IReadOnlyList<LearnedParameter> _parameters;
    private float[][]? _kept;

    /// <param name="graph">The graph of a step.</param>
    /// <param name="weightsFolder">Where the files lie that its constants refer to.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">Threads of the host that compute, from 1.</param>
    /// <param name="plan">How a batch is dealt out.</param>
    /// <param name="parameters">What learns, and gets the gradients.</param>
    /// <exception cref="ProviderException">The provider cannot start.</exception>
    public BatchStep(GraphBuilder graph, string weightsFolder, Provider provider, int threads, RunPlan plan, IReadOnlyList<LearnedParameter> parameters)
    {
        _session = new GraphSession(graph, weightsFolder, provider, threads, plan.Lanes, parameters);
        _parameters = parameters;
    }

    /// <summary>Runs a batch. The gradients are added up in the order of the runs, however many go side by side.</summary>
    /// <param name="lots">The inputs of each run, by what goes side by side; asked for one after the other.</param>
    /// <param name="cancellation">Stops it at the next operator.</param>
    /// <returns>The loss.</returns>
    public double Run(IEnumerable<IReadOnlyList<IReadOnlyList<GraphInput>>> lots, CancellationToken cancellation)
    {
        double loss = 0;
        bool isFirst = true;
        foreach (IReadOnlyList<IReadOnlyList<GraphInput>> runs in lots)
        {
            // The first lane writes where the sum is.
            if (!isFirst) Keep();
            IReadOnlyList<IReadOnlyDictionary<string, float[]>> outputs = _session.Run(runs, cancellation);
            if (!isFirst) AddKept();
            for (int lane = 1; lane < runs.Count; lane++) _session.AddGradients(lane);
            foreach (IReadOnlyDictionary<string, float[]> output in outputs) loss += output[TrainingGraph.Loss][0];
            isFirst = false;
        }
        return loss;
    }

    public void Dispose() => _session.Dispose();

    private void Keep()
    {
        _kept ??= [.. _parameters.Select(p => new float[p.Gradient.Length])];
        for (int i = 0; i < _kept.Length; i++) _parameters[i].Gradient.CopyTo(_kept[i], 0);
    }

    private void AddKept()
    {
        for (int i = 0; i < _kept!.Length; i++) TensorPrimitives.Add(_parameters[i].Gradient, _kept[i], _parameters[i].Gradient);
    }
}
