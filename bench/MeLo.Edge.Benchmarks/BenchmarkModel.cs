using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;

namespace MeLo.Edge.Benchmarks;

/// <summary>A base of random weights, rank-4 adapters for it, and the model file that a user without adapters would deploy, in a temporary folder.</summary>
internal sealed class BenchmarkModel : IDisposable
{
    private const int Rank = 4, Classes = 2;

    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly Precision _precision;
    private readonly SigningKey _key = SigningKey.Generate(SigningCurve.P256);
    private readonly TrustStore _trust;

    public BenchmarkModel(VitArchitecture vit, Precision precision = Precision.Fp32)
        : this(vit, precision, Directory.CreateTempSubdirectory("melo-edge-bench-").FullName, ownsFolder: true)
    {
        Generate(_folder, vit, [Precision.Fp32, Precision.Int8]);
        string merged = WriteMergedWeights();
        WriteModel(merged, MergedModel, embedWeights: true);
        WriteModel(merged, MergedModelBesideWeights, embedWeights: false);
    }

    private BenchmarkModel(VitArchitecture vit, Precision precision, string folder, bool ownsFolder)
    {
        Vit = vit;
        _precision = precision;
        _folder = folder;
        _ownsFolder = ownsFolder;
        _trust = TrustStore.FromKey(_key);
        BaseFolder = BaseOf(folder);
        MergedModel = Path.Combine(folder, "merged", "model.onnx");
        MergedModelBesideWeights = Path.Combine(folder, "merged", "model-beside-weights.onnx");
        Adapter = AdapterOf(0);
    }

    /// <summary>What another process has generated and still owns.</summary>
    public static BenchmarkModel Open(VitArchitecture vit, Precision precision, string folder) => new(vit, precision, folder, ownsFolder: false);

    /// <summary>What a benchmark on a device needs: the base alone, in the folder that it was told to keep, or in a temporary one.</summary>
    public static BenchmarkModel ForDevice(BenchmarkOptions.Settings settings)
    {
        if (settings.Folder is { } kept) return Open(settings.Model, settings.Precision, kept);
        BenchmarkModel model = new(settings.Model, settings.Precision, Directory.CreateTempSubdirectory("melo-edge-bench-").FullName, ownsFolder: true);
        Generate(model.Folder, settings.Model, DevicePrecisions);
        return model;
    }

    /// <summary>Generates a base.</summary>
    /// <param name="folder">An existing folder, which gets a folder <c>base</c>.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="precisions">The graphs.</param>
    public static void Generate(string folder, VitArchitecture vit, IReadOnlyList<Precision> precisions)
    {
        Progress.Show($"generating {vit.Name} ({vit.ParameterCount:N0} parameters)");
        string checkpoint = Path.Combine(folder, "checkpoint.safetensors");
        RandomCheckpoint.Write(checkpoint, vit);
        BaseImport.Import(checkpoint, BaseOf(folder), new BaseImportOptions { Heads = vit.Heads, Precisions = precisions });
        File.Delete(checkpoint);
    }

    /// <summary>The precisions that devices compute in; int8 is the processor's.</summary>
    public static Precision[] DevicePrecisions { get; } = [.. Enum.GetValues<Precision>().Where(p => p != Precision.Int8)];

    public string Folder => _folder;

    public VitArchitecture Vit { get; }

    public string BaseFolder { get; }

    /// <summary>The adapter of the first task, which the models without adapters are merged with.</summary>
    public LoraAdapter Adapter { get; }

    /// <summary>An ONNX file with the adapter merged into its constants, which it carries itself: what PyTorch's exporter writes for a model of this size.</summary>
    public string MergedModel { get; }

    /// <summary>The same with its constants in a file beside it, which the runtime maps into memory.</summary>
    public string MergedModelBesideWeights { get; }

    /// <summary>The bytes that a cold switch writes.</summary>
    public long TaskBytes => MergedFormat.Of(_precision).ByteLength(Adapter);

    /// <summary>The bytes that a cold switch reads: the same matrices in fp32.</summary>
    public long PristineBytes => MergedFormat.Of(Precision.Fp32).ByteLength(Adapter);

    /// <summary>[1, 3, size, size].</summary>
    public long[] PixelShape => [1, 3, Vit.ImageSize, Vit.ImageSize];

    public float[] Pixels(int seed) => RandomValues.Normal(new Random(seed), PixelShape.Aggregate((a, b) => a * b), 1);

    public EdgeEngine Load(int threads, int cachedTasks) =>
        LoadWithCache(threads, cachedTasks * TaskBytes);

    /// <param name="threads">Threads of the graph and of a merge.</param>
    /// <param name="cacheBytes">The budget for merged tasks; null for the engine's own.</param>
    /// <param name="precision">The graph, where it is not the model's own.</param>
    public EdgeEngine LoadWithCache(int threads, long? cacheBytes, Precision? precision = null)
    {
        EdgeEngineOptions options = new() { Threads = threads, Precision = precision ?? _precision };
        return EdgeEngine.Load(BaseFolder, cacheBytes is { } bytes ? options with { CacheBytes = bytes } : options);
    }

    /// <summary>An engine on the device that the settings name.</summary>
    /// <param name="settings">Provider, precision and threads.</param>
    /// <param name="device">The same device.</param>
    /// <param name="cachedTasks">How many merged tasks the cache holds.</param>
    /// <param name="batches">How batches of several tasks run.</param>
    /// <param name="precision">The graph, where it is not the settings' own.</param>
    public EdgeEngine Load(BenchmarkOptions.Settings settings, BenchmarkDevice device, int cachedTasks, BatchPolicy batches = BatchPolicy.Merged, Precision? precision = null)
    {
        Precision graph = precision ?? settings.Precision;
        int size = MergedFormat.Of(graph).Input(1, 1).Type.Size();
        return EdgeEngine.Load(BaseFolder, new EdgeEngineOptions
        {
            Provider = settings.Provider,
            Precision = graph,
            Threads = settings.Threads,
            Batches = batches,
            CacheBytes = cachedTasks * Adapter.Pairs.Sum(p => device.Provider.AllocatedBytes((long)p.InFeatures * p.OutFeatures * size)),
        });
    }

    /// <summary>Installs signed bundles as a device does: opened, verified, probed.</summary>
    /// <param name="engine">Where.</param>
    /// <param name="count">How many.</param>
    /// <param name="withFp32Task">Whether the first demands fp32.</param>
    public InstalledTask[] Install(EdgeEngine engine, int count, bool withFp32Task = false)
    {
        // What int8 and fp32 make of random weights differs: where both run, the probe passes whichever made it.
        ProbeTolerance tolerance = withFp32Task ? new(1, 1) : new(1e-3, 1, 1);
        InstalledTask[] tasks = new InstalledTask[count];
        for (int i = 0; i < count; i++)
        {
            string task = $"task-{i}";
            LoraAdapter adapter = AdapterOf(i);
            byte[] bundle = WriteBundle(engine, task, adapter, MakeProbe(engine, adapter), tolerance, withFp32Task && i == 0 ? Precision.Fp32 : null);
            tasks[i] = engine.Install(Bundle.Open(bundle, _trust, task));
        }
        return tasks;
    }

    /// <summary>How every task's images are prepared.</summary>
    public static PreprocessRecipe Recipe(VitArchitecture vit) =>
        new(ResizeMode.Squash, vit.ImageSize, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);

    /// <summary>One input, as the packer's probes have, and what the engine gives for it.</summary>
    public Probe MakeProbe(EdgeEngine engine, LoraAdapter adapter)
    {
        float[] pixels = Pixels(0);
        return new Probe(pixels, PixelShape, engine.Evaluate(adapter, pixels, PixelShape), Classes);
    }

    /// <summary>A signed bundle for the engine's base.</summary>
    public byte[] WriteBundle(EdgeEngine engine, string task, LoraAdapter adapter, Probe probe, ProbeTolerance? tolerance = null, Precision? demanded = null)
    {
        AdapterDescription description = new()
        {
            Task = task,
            Release = 1,
            Title = "benchmark",
            Base = engine.Base.Digest,
            Architecture = Vit.Name,
            Lora = new LoraDescription(Rank, Rank, adapter.Scale, adapter.Targets, "lora-vit"),
            Head = new HeadDescription(["no", "yes"], HeadActivation.Softmax, "zero"),
            Input = new InputDescription(Recipe(Vit)),
            // Random weights: what int8 does to them says nothing.
            Tolerance = tolerance ?? new ProbeTolerance(1e-3, 1, 1),
            Precision = demanded,
            Created = DateTimeOffset.UnixEpoch,
        };
        return BundleWriter.Write(description, adapter, probe, null, _key);
    }

    /// <summary>The public key that the bundles are signed with.</summary>
    public void WritePublicKey(string path) => _key.WritePublicPem(path);

    /// <summary>A model file as plain ONNX Runtime loads it.</summary>
    public static OrtSession LoadModel(string path, int threads)
    {
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(threads);
        return OrtSession.Create(path, options);
    }

    /// <summary>The merged model as plain ONNX Runtime quantises it: every linear to bytes, with a range of each activation as it comes.</summary>
    public string WriteDynamicallyQuantizedModel()
    {
        string path = Path.Combine(_folder, "merged", "model-int8.onnx");
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_folder, "merged", "weights.safetensors"));
        OnnxWriter.Write(DynamicallyQuantizedGraph.From(VitGraph.Build(Vit, file, [], embedWeights: true)), path);
        return path;
    }

    public void Dispose()
    {
        _key.Dispose();
        if (_ownsFolder) Directory.Delete(_folder, recursive: true);
    }

    private static string BaseOf(string folder) => Path.Combine(folder, "base");

    /// <summary>The adapter of a task: every task answers differently, so that one taken for another is seen; switching costs the same whatever the numbers are.</summary>
    public LoraAdapter AdapterOf(int task)
    {
        Random random = new(7 + task);
        List<LoraPair> pairs = [];
        for (int layer = 0; layer < Vit.Depth; layer++)
        {
            foreach (VitLinear linear in new[] { VitLinear.Query, VitLinear.Value })
            {
                pairs.Add(new LoraPair(new LinearId(layer, linear), Rank, Vit.Dim, Vit.Dim,
                    RandomValues.Normal(random, Rank * Vit.Dim, 0.05f), RandomValues.Normal(random, Rank * Vit.Dim, 0.05f)));
            }
        }
        return new LoraAdapter(1, pairs, new TaskHead(Classes, Vit.Dim, RandomValues.Normal(random, Classes * Vit.Dim, 0.1f), [0, 0]));
    }

    private string WriteMergedWeights()
    {
        string folder = Path.Combine(_folder, "merged");
        Directory.CreateDirectory(folder);
        using BasePackage package = BasePackage.Open(BaseFolder);
        Dictionary<string, LoraPair> changed = Adapter.Pairs.ToDictionary(p => $"{p.Target}.weight");
        string path = Path.Combine(folder, "weights.safetensors");
        using FileStream stream = File.Create(path);
        SafetensorsWriter.Write(stream, [.. package.Weights.Tensors.Values.Select(tensor => new TensorSource(
            tensor.Name, tensor.Type, tensor.Shape, to => to.Write(MemoryMarshal.AsBytes(Merged(tensor).AsSpan()))))]);
        return path;

        float[] Merged(TensorView tensor)
        {
            float[] values = tensor.ToSingles();
            if (!changed.TryGetValue(tensor.Name, out LoraPair? pair)) return values;
            float[] merged = new float[values.Length];
            LoraMerge.Merge(values, merged, pair, Adapter.Scale);
            return merged;
        }
    }

    private void WriteModel(string weights, string path, bool embedWeights)
    {
        using SafetensorsFile file = SafetensorsFile.Open(weights);
        OnnxWriter.Write(VitGraph.Build(Vit, file, [], embedWeights), path);
    }

    /// <summary>The resident graph of a precision with a task merged into its constants, over the base's files.</summary>
    public GraphBuilder ConstantGraph(BasePackage package, Precision precision, LoraAdapter adapter)
    {
        using SafetensorsFile? own = package.OpenOwnWeights(precision);
        return Benchmarks.ConstantGraph.From(Graph(package, own), package, adapter.Head, adapter);
    }

    /// <summary>The graph of a precision whose query and value linears take A and B as inputs, over the base's files.</summary>
    public GraphBuilder UnmergedGraph(BasePackage package, Precision precision)
    {
        using SafetensorsFile? own = package.OpenOwnWeights(precision);
        return Benchmarks.UnmergedGraph.From(Benchmarks.ConstantGraph.From(Graph(package, own), package, Adapter.Head, adapter: null), Adapter);
    }

    private GraphBuilder Graph(BasePackage package, SafetensorsFile? own) => own is null
        ? VitGraph.Build(Vit, package.Weights, package.AdaptableLinears)
        : VitGraph.BuildFp16(Vit, package.Weights, package.AdaptableLinears, own);

    /// <summary>Writes that graph with its weights in it.</summary>
    public string WriteUnmergedModel()
    {
        string path = Path.Combine(_folder, "unmerged.onnx");
        using BasePackage package = BasePackage.Open(BaseFolder);
        OnnxWriter.Write(Benchmarks.UnmergedGraph.From(VitGraph.Build(Vit, package.Weights, [], embedWeights: true), Adapter), path);
        return path;
    }
}
