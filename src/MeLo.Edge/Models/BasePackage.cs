using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// A base package: a folder with <c>base.json</c>, the frozen Vision Transformer's weights under canonical names, and one graph a
/// precision that refers to them. <see cref="BaseImport"/> writes it; docs/base-package.md describes it.
/// </summary>
/// <remarks>Immutable; safe for concurrent use until disposed. The weights are memory-mapped.</remarks>
public sealed class BasePackage : IDisposable
{
    internal const string ManifestFile = "base.json";
    internal const string WeightsFile = "weights.safetensors";

    // Both passes over a piece of the weights, finite and hashed, find it in the second-level cache.
    private const int PieceBytes = 256 << 10;

    private readonly IReadOnlyDictionary<Precision, string> _graphs;
    private readonly IReadOnlyList<OwnWeights> _ownWeights;

    private BasePackage(
        string folder,
        VitArchitecture architecture,
        string digest,
        IReadOnlyList<VitLinear> adaptable,
        IReadOnlyDictionary<Precision, string> graphs,
        IReadOnlyList<OwnWeights> ownWeights,
        SafetensorsFile weights)
    {
        Folder = folder;
        Architecture = architecture;
        Digest = digest;
        AdaptableLinears = [.. EveryLayer(architecture, adaptable)];
        Weights = weights;
        _graphs = graphs;
        _ownWeights = ownWeights;
        Precisions = [.. graphs.Keys.Order()];
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The shape of the model.</summary>
    public VitArchitecture Architecture { get; }

    /// <summary>The base digest: <c>sha256:</c> and 64 hexadecimal digits, as docs/base-package.md defines it.</summary>
    public string Digest { get; }

    /// <summary>The linears that an adapter may change, by layer and then by linear: their weights are inputs of the graphs.</summary>
    public IReadOnlyList<LinearId> AdaptableLinears { get; }

    /// <summary>The precisions that the package has a graph for.</summary>
    public IReadOnlyList<Precision> Precisions { get; }

    /// <summary>
    /// The pristine fp32 weights under canonical names; linear weights are [in,out]. The data of a merge, never changed.
    /// </summary>
    public SafetensorsFile Weights { get; }

    /// <summary>The ONNX file of a precision.</summary>
    /// <exception cref="ModelException">The package has no graph of that precision.</exception>
    public string GraphPath(Precision precision) => _graphs.TryGetValue(precision, out string? path)
        ? path
        : throw ModelException.Package(Folder, $"found graphs for {string.Join(", ", Precisions.Select(p => p.Name()))}, expected one for {precision.Name()}");

    /// <summary>Opens a package and checks all of it: every member of base.json, every weight, the digest and the hashes of the other files.</summary>
    /// <exception cref="ModelException">The folder is not a base package, or what it holds is not what base.json says.</exception>
    /// <exception cref="SafetensorsException">The weights file is malformed.</exception>
    public static BasePackage Open(string folder)
    {
        BasePackage package = OpenUnchecked(folder);
        try
        {
            package.CheckWeights();
            return package;
        }
        catch
        {
            package.Dispose();
            throw;
        }
    }

    /// <summary>The precisions that a package has graphs for, the most exact first. The weights are not read: whoever loads a graph checks them.</summary>
    /// <exception cref="ModelException">The folder is not a base package, or its graphs are not what base.json says.</exception>
    /// <exception cref="SafetensorsException">The weights file is malformed.</exception>
    public static IReadOnlyList<Precision> PrecisionsOf(string folder)
    {
        using BasePackage package = OpenUnchecked(folder);
        return package.Precisions;
    }

    /// <summary>
    /// Opens a package and checks what is quick to check and has a structure: base.json, the graphs' hashes, the layout of the canonical
    /// weights. The values of the weights are not vouched for, and neither is the digest, until <see cref="CheckWeights"/> has returned.
    /// </summary>
    /// <exception cref="ModelException">The folder is not a base package, or what was checked is not what base.json says.</exception>
    /// <exception cref="SafetensorsException">The weights file is malformed.</exception>
    internal static BasePackage OpenUnchecked(string folder)
    {
        BaseManifest manifest = BaseManifest.Read(folder);
        VitArchitecture architecture = manifest.Architecture.ToArchitecture();
        architecture.Validate();
        if (manifest.Architecture.Name != architecture.Name)
            throw ModelException.Package(folder,
                $"found architecture name '{manifest.Architecture.Name}', expected '{architecture.Name}' for its numbers");
        IReadOnlyList<VitLinear> adaptable = Adaptable(folder, manifest);
        IReadOnlyDictionary<Precision, string> graphs = Graphs(folder, manifest, out List<OwnWeights> ownWeights);
        if (manifest.Weights.File != WeightsFile)
            throw ModelException.Package(folder, $"found weights file '{manifest.Weights.File}', expected '{WeightsFile}'");
        string weightsPath = Path.Combine(folder, WeightsFile);
        if (!File.Exists(weightsPath)) throw ModelException.Package(folder, $"found no {WeightsFile}");
        SafetensorsFile weights = SafetensorsFile.Open(weightsPath);
        try
        {
            CheckLayout(folder, weights, architecture, manifest.Weights.DataOffset);
            return new BasePackage(folder, architecture, manifest.Digest, adaptable, graphs, ownWeights, weights);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Checks every weight: that it is finite, the digest, and the hashes of the precisions' own weights files, each on a thread of its own.</summary>
    /// <exception cref="ModelException">They are not what base.json says.</exception>
    internal void CheckWeights()
    {
        Task[] checks = [.. _ownWeights.Select(w => OnItsOwnThread(() => CheckHash(Folder, w.File, w.Sha256))), OnItsOwnThread(CheckDigest)];
        // The first in this order is what is reported, whichever ended first; all have ended before the files are closed.
        Task.WhenAll(checks).GetAwaiter().GetResult();

        static Task OnItsOwnThread(Action check) =>
            Task.Factory.StartNew(check, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Closes the weights file.</summary>
    public void Dispose() => Weights.Dispose();

    internal static string GraphFile(Precision precision) => $"model.{precision.Name()}.onnx";

    /// <summary>The file of a precision's own weights, or null where its graph needs none but the canonical ones.</summary>
    internal static string? OwnWeightsFile(Precision precision) => precision == Precision.Fp32 ? null : $"weights.{precision.Name()}.safetensors";

    /// <summary>The file of a precision's own weights, which the caller closes, or null where its graph needs none but the canonical ones.</summary>
    internal SafetensorsFile? OpenOwnWeights(Precision precision) => OwnWeightsFile(precision) is { } file ? SafetensorsFile.Open(Path.Combine(Folder, file)) : null;

    /// <summary>The linears of every block, by layer and then by linear.</summary>
    internal static IEnumerable<LinearId> EveryLayer(VitArchitecture architecture, IReadOnlyList<VitLinear> linears) =>
        Enumerable.Range(0, architecture.Depth).SelectMany(layer => linears.Select(linear => new LinearId(layer, linear)));

    internal static string Sha256(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static List<VitLinear> Adaptable(string folder, BaseManifest manifest)
    {
        List<VitLinear> linears = [];
        foreach (string name in manifest.Adaptable)
        {
            if (!VitLinears.TryParse(name, out VitLinear linear))
                throw ModelException.Package(folder, $"found the adaptable linear '{name}', expected {string.Join(", ", VitLinears.All.Select(l => l.Name()))}");
            if (linears.Count > 0 && linears[^1] >= linear)
                throw ModelException.Package(folder,
                    $"found the adaptable linear '{name}' after '{linears[^1].Name()}', expected each at most once, in the order query, key, value, output, fc1, fc2");
            linears.Add(linear);
        }
        return linears.Count > 0 ? linears : throw ModelException.Package(folder, "found no adaptable linear, expected at least one");
    }

    private static Dictionary<Precision, string> Graphs(string folder, BaseManifest manifest, out List<OwnWeights> ownWeights)
    {
        Dictionary<Precision, string> graphs = [];
        ownWeights = [];
        foreach (BaseManifest.GraphFacts facts in manifest.Graphs)
        {
            Precision precision = Models.Precisions.Parse(facts.Precision);
            if (facts.File != GraphFile(precision))
                throw ModelException.Package(folder, $"found graph file '{facts.File}', expected '{GraphFile(precision)}'");
            string path = CheckHash(folder, facts.File, facts.Sha256);
            if (OwnWeightsFile(precision) is { } own) ownWeights.Add(new OwnWeights(own, facts.WeightsSha256));
            else if (facts.WeightsSha256 is not null)
                throw ModelException.Package(folder, $"found weightsSha256 for {facts.Precision}, expected none: its graph has the canonical weights");
            if (!graphs.TryAdd(precision, path)) throw ModelException.Package(folder, $"found two graphs for {facts.Precision}");
        }
        return graphs.Count > 0 ? graphs : throw ModelException.Package(folder, "found no graph, expected at least one");
    }

    private static string CheckHash(string folder, string file, string? expected)
    {
        string path = Path.Combine(folder, file);
        if (!File.Exists(path)) throw ModelException.Package(folder, $"found no {file}");
        string found = Sha256(path);
        return found == expected
            ? path
            : throw ModelException.Package(folder, $"found {file} with SHA-256 {found}, expected {expected ?? "one"} as {ManifestFile} says");
    }

    // The graphs refer to byte ranges of the weights file; they are right for one layout only: byte order of names, from DataOffset on.
    private static void CheckLayout(string folder, SafetensorsFile weights, VitArchitecture architecture, long dataOffset)
    {
        IReadOnlyList<CanonicalWeight> expected = CanonicalWeights.Of(architecture);
        CheckpointFaults faults = new();
        foreach (CanonicalWeight weight in expected)
        {
            if (!weights.Tensors.TryGetValue(weight.Name, out TensorView? tensor)) faults.Missing(weight.Name);
            else if (tensor.Type != ElementType.F32 || !tensor.Shape.SequenceEqual(weight.Shape))
                faults.Misshapen(weight.Name, $"{tensor.Type.HeaderName()} {tensor.ShapeText}", $"F32 [{string.Join(',', weight.Shape)}]");
        }
        foreach (string name in weights.Tensors.Keys.Except(expected.Select(w => w.Name), StringComparer.Ordinal)) faults.Extra(name);
        if (faults.Any) throw ModelException.Package(folder, $"{WeightsFile}: {faults}");
        long offset = dataOffset;
        foreach (CanonicalWeight weight in expected)
        {
            TensorView tensor = weights[weight.Name];
            if (tensor.Offset != offset)
                throw ModelException.Package(folder, $"found '{weight.Name}' at byte {tensor.Offset} of {WeightsFile}, expected {offset}");
            offset += tensor.ByteLength;
        }
    }

    private void CheckDigest()
    {
        using BaseDigest digest = new();
        foreach (CanonicalWeight weight in CanonicalWeights.Of(Architecture))
        {
            digest.Begin(weight);
            ReadOnlySpan<byte> bytes = Weights[weight.Name].Bytes;
            for (int at = 0; at < bytes.Length; at += PieceBytes)
            {
                ReadOnlySpan<byte> piece = bytes.Slice(at, Math.Min(PieceBytes, bytes.Length - at));
                if (!TensorPrimitives.IsFiniteAll(MemoryMarshal.Cast<byte, float>(piece)))
                    throw ModelException.Package(Folder, $"{WeightsFile}: '{weight.Name}' holds a value that is not finite");
                digest.Append(piece);
            }
        }
        string found = digest.Finish();
        if (found != Digest) throw ModelException.Package(Folder, $"found weights with digest {found}, expected {Digest} as {ManifestFile} says");
    }

    /// <summary>A precision's own weights file, and the SHA-256 that base.json gives for it.</summary>
    private sealed record OwnWeights(string File, string? Sha256);
}
