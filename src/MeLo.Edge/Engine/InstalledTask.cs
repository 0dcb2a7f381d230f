using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>
/// A bundle that passed its checks on this engine. Immutable: work that began with it can end with it, also after another release
/// has taken its place or the task was retired.
/// </summary>
public sealed class InstalledTask
{
    private ResidentModel? _model;

    /// <param name="bundle">The bundle, which fits the base.</param>
    /// <param name="engine">The engine that checked that.</param>
    /// <param name="graph">What the task runs on: loaded now, so that no image waits for that, until <see cref="LetGo"/>.</param>
    /// <param name="installedAt">When.</param>
    internal InstalledTask(Bundle bundle, EdgeEngine? engine, BaseGraph graph, DateTimeOffset installedAt)
    {
        Engine = engine;
        Graph = graph;
        Description = bundle.Description;
        BundleDigest = bundle.Digest;
        Adapter = bundle.Adapter;
        InstalledAt = installedAt;
        _model = graph.Hold();
        MergedBytes = _model.Merger.MergedBytes(Adapter);
    }

    /// <summary>The task's name.</summary>
    public string Task => Description.Task;

    /// <summary>The task's release.</summary>
    public int Release => Description.Release;

    /// <summary>The digest of the bundle file, <c>sha256:…</c>.</summary>
    public string BundleDigest { get; }

    /// <summary>The precision of the graph that it runs on: the engine's, unless the bundle demands another.</summary>
    public Precision Precision => Graph.Precision;

    /// <summary>The bundle's description.</summary>
    public AdapterDescription Description { get; }

    /// <summary>
    /// The largest difference between the probe's logits and the expected ones, over max(1, largest expected logit): what the bundle's
    /// tolerance bounds.
    /// </summary>
    public double ProbeDifference { get; internal set; }

    /// <summary>When the bundle passed its checks.</summary>
    public DateTimeOffset InstalledAt { get; }

    internal LoraAdapter Adapter { get; }

    internal BaseGraph Graph { get; }

    /// <summary>The memory of the merged matrices, in bytes.</summary>
    internal long MergedBytes { get; }

    /// <summary>The graph need not stay for this task any more; work that still comes with it loads it again if it has gone.</summary>
    internal void LetGo() => Interlocked.Exchange(ref _model, null)?.Dispose();

    /// <summary>The engine whose base the adapter was checked against: a merge trusts that check.</summary>
    internal EdgeEngine? Engine { get; }
}
