using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Engine;

/// <summary>A small random base, and signed bundles for it, made as a model developer makes them.</summary>
public class EngineFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SigningKey _key = SigningKey.Generate(SigningCurve.P256);
    private readonly EdgeEngine _maker;

    public EngineFixture()
        : this(AdaptableSet.QueryValue, Precision.Fp32)
    {
    }

    internal EngineFixture(AdaptableSet adapt, params Precision[] precisions)
        : this(new VitArchitecture { ImageSize = 32, PatchSize = 8, Dim = 64, Depth = 3, Heads = 4, MlpDim = 256 }, adapt, precisions)
    {
    }

    internal EngineFixture(VitArchitecture architecture, AdaptableSet adapt, params Precision[] precisions)
    {
        Architecture = architecture;
        string checkpoint = _folder["checkpoint.safetensors"];
        RandomCheckpoint.Write(checkpoint, Architecture);
        BaseFolder = _folder["base"];
        BaseImport.Import(checkpoint, BaseFolder, new BaseImportOptions { Heads = Architecture.Heads, Adapt = adapt, Precisions = precisions });
        Trust = TrustStore.FromKey(_key);
        _maker = EdgeEngine.Load(BaseFolder, new EdgeEngineOptions { Threads = 1 });
    }

    public VitArchitecture Architecture { get; }

    public string BaseFolder { get; }

    public TrustStore Trust { get; }

    /// <summary>The key that the bundles are signed with, for a trust folder.</summary>
    public string PublicPem => _key.ExportPublicPem();

    /// <summary>The bytes of one task's merged matrices.</summary>
    public long TaskBytes => Architecture.Depth * 2L * Architecture.Dim * Architecture.Dim * sizeof(float);

    public EdgeEngine Load(EdgeEngineOptions? options = null) => EdgeEngine.Load(BaseFolder, options ?? new EdgeEngineOptions { Threads = 1 });

    /// <summary>An adapter that depends on the seed alone.</summary>
    public LoraAdapter Adapter(int seed, int classes = 3, int rank = 4, VitLinear[]? targets = null, int? depth = null)
    {
        Random random = new(seed);
        int dim = Architecture.Dim;
        List<LoraPair> pairs = [];
        for (int layer = 0; layer < (depth ?? Architecture.Depth); layer++)
        {
            foreach (VitLinear linear in targets ?? [VitLinear.Query, VitLinear.Value])
            {
                (int input, int output) = Architecture.LinearShape(linear);
                pairs.Add(new LoraPair(new LinearId(layer, linear), rank, input, output,
                    RandomValues.Normal(random, rank * input, 0.3f), RandomValues.Normal(random, rank * output, 0.3f)));
            }
        }
        return new LoraAdapter(1, pairs, new TaskHead(classes, dim, RandomValues.Normal(random, classes * dim, 0.3f), RandomValues.Normal(random, classes, 0.1f)));
    }

    /// <summary>A signed bundle with a true probe, changed by <paramref name="change"/> where a test wants another.</summary>
    public Bundle Bundle(string task, int seed, int release = 1, LoraAdapter? adapter = null,
        Func<AdapterDescription, AdapterDescription>? change = null, Func<Probe, Probe>? changeProbe = null)
    {
        adapter ??= Adapter(seed);
        AdapterDescription description = new()
        {
            Task = task,
            Release = release,
            Title = task,
            Base = _maker.Base.Digest,
            Architecture = Architecture.Name,
            Lora = new LoraDescription(adapter.Rank, adapter.Rank, adapter.Scale, adapter.Targets, "lora-vit"),
            Head = new HeadDescription([.. Enumerable.Range(0, adapter.Head.Classes).Select(i => $"class-{i}")], HeadActivation.Softmax, "zero"),
            Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, Architecture.ImageSize, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f])),
            Tolerance = new ProbeTolerance(1e-3),
            Created = DateTimeOffset.UnixEpoch,
        };
        long[] shape = [2, 3, Architecture.ImageSize, Architecture.ImageSize];
        float[] pixels = RandomValues.Normal(new Random(seed), shape.Aggregate((a, b) => a * b), 1);
        float[] logits = adapter.Depth == Architecture.Depth && adapter.Targets.All(t => t is VitLinear.Query or VitLinear.Value)
            ? _maker.Evaluate(adapter, pixels, shape)
            : new float[2 * adapter.Head.Classes];
        Probe probe = new(pixels, shape, logits, adapter.Head.Classes);
        byte[] file = BundleWriter.Write(change?.Invoke(description) ?? description, adapter, changeProbe?.Invoke(probe) ?? probe, preview: null, _key);
        return MeLo.Edge.Bundles.Bundle.Open(file, Trust, $"{task}.melo");
    }

    /// <summary>A picture of random pixels as a binary BMP file.</summary>
    public static byte[] Picture(int seed, int size = 40)
    {
        int stride = (size * 3 + 3) / 4 * 4;
        byte[] file = new byte[54 + (stride * size)];
        new Random(seed).NextBytes(file.AsSpan(54));
        "BM"u8.CopyTo(file);
        Put(2, file.Length);
        Put(10, 54);
        Put(14, 40);
        Put(18, size);
        Put(22, size);
        Put(26, 1 | (24 << 16));
        return file;

        void Put(int at, int value) => BitConverter.TryWriteBytes(file.AsSpan(at), value);
    }

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _maker.Dispose();
        _key.Dispose();
        _folder.Dispose();
    }
}
