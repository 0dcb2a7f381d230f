using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Engine;

/// <summary>
/// A bundle that passed its checks on this engine. Immutable: work that began with it can end with it, also after another release
/// has taken its place or the task was retired.
/// </summary>
public sealed class InstalledTask
{
    internal InstalledTask(Bundle bundle, EdgeEngine? engine, DateTimeOffset installedAt)
    {
        Engine = engine;
        Description = bundle.Description;
        BundleDigest = bundle.Digest;
        Adapter = bundle.Adapter;
        InstalledAt = installedAt;
    }

    /// <summary>The task's name.</summary>
    public string Task => Description.Task;

    /// <summary>The task's release.</summary>
    public int Release => Description.Release;

    /// <summary>The digest of the bundle file, <c>sha256:…</c>.</summary>
    public string BundleDigest { get; }

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

    /// <summary>The engine whose base the adapter was checked against: a merge trusts that check.</summary>
    internal EdgeEngine? Engine { get; }
}
