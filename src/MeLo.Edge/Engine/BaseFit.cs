using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>Whether a bundle or an adapter belongs to the resident base, before any of it runs.</summary>
internal static class BaseFit
{
    /// <exception cref="EngineException">The bundle is for another base, does not fit it, or has expired.</exception>
    public static void Check(Bundle bundle, BasePackage package, TimeProvider time)
    {
        AdapterDescription description = bundle.Description;
        if (description.IsExpired(time)) throw Refuse(EngineFault.Expired, $"expired at {description.Expires:O}");
        if (description.Base != package.Digest)
            throw Refuse(EngineFault.BaseMismatch, $"found base {description.Base}, expected {package.Digest}, the one that is resident");
        // The digest covers the weights; how many heads they are cut into is in the name.
        if (description.Architecture != package.Architecture.Name)
            throw Refuse(EngineFault.Incompatible, $"found architecture {description.Architecture}, expected {package.Architecture.Name}");
        if (Misfit(bundle.Adapter, package) is { } misfit) throw Refuse(EngineFault.Incompatible, misfit);
        // The probe's inputs have the recipe's size: the bundle was read with that rule.
        if (description.Input.Preprocess.Size != package.Architecture.ImageSize)
            throw Refuse(EngineFault.Incompatible, $"found images of {description.Input.Preprocess.Size} pixels, expected {package.Architecture.ImageSize}");

        EngineException Refuse(EngineFault fault, string message) => EngineException.Bundle(fault, description.Task, description.Release, message);
    }

    /// <exception cref="EngineException">The adapter does not fit the base.</exception>
    public static void Check(LoraAdapter adapter, BasePackage package)
    {
        if (Misfit(adapter, package) is { } misfit) throw EngineException.Adapter(misfit);
    }

    /// <exception cref="EngineException">The pixels are no images of the base's size.</exception>
    public static void Check(float[] pixels, ReadOnlySpan<long> shape, VitArchitecture architecture)
    {
        long size = architecture.ImageSize, image = CanonicalWeights.Channels * size * size;
        if (shape is not [> 0, CanonicalWeights.Channels, var height, var width] || height != size || width != size || shape[0] != pixels.Length / (double)image)
            throw EngineException.Pixels($"found {pixels.Length} values of shape [{string.Join(',', shape.ToArray())}], expected [n,{CanonicalWeights.Channels},{size},{size}]");
    }

    private static string? Misfit(LoraAdapter adapter, BasePackage package)
    {
        VitArchitecture architecture = package.Architecture;
        HashSet<LinearId> exposed = [.. package.AdaptableLinears];
        if (adapter.Depth != architecture.Depth) return $"found {adapter.Depth} layers, expected {architecture.Depth}";
        if (adapter.Head.Dim != architecture.Dim) return $"found a head over {adapter.Head.Dim} features, expected {architecture.Dim}";
        foreach (LoraPair pair in adapter.Pairs)
        {
            if (!exposed.Contains(pair.Target))
                return $"it changes {pair.Target}, which this base does not expose to adapters (a base imported with --adapt all would)";
            (int rows, int columns) = architecture.LinearShape(pair.Target.Linear);
            if ((rows, columns) != (pair.InFeatures, pair.OutFeatures))
                return $"{pair.Target}: found {pair.InFeatures} -> {pair.OutFeatures} features, expected {rows} -> {columns}";
        }
        return null;
    }
}
