using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>Small bundles, whole and valid, for tests to break.</summary>
internal static class TestBundles
{
    public const int Dim = 8;
    public const int Depth = 2;
    public const int Rank = 2;
    public const int Size = 4;

    public static AdapterDescription Description { get; } = new()
    {
        Task = "tuberculosis",
        Release = 3,
        Title = "SZ Chest X-ray",
        Base = "sha256:" + new string('a', 64),
        Architecture = "vit_micro",
        Lora = new LoraDescription(Rank, 4, 2, [VitLinear.Query, VitLinear.Value], "lora-vit"),
        Head = new HeadDescription(["normal", "tuberculosis"], HeadActivation.Softmax, "zero"),
        Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, Size, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f])),
        Tolerance = new ProbeTolerance(1e-3, 0.15),
        Created = new DateTimeOffset(2026, 1, 31, 10, 20, 30, TimeSpan.Zero),
    };

    public static LoraAdapter Adapter(int dim = Dim, int depth = Depth, int rank = Rank, int classes = 2)
    {
        Random random = new(7);
        List<LoraPair> pairs = [];
        for (int layer = 0; layer < depth; layer++)
            foreach (VitLinear linear in (VitLinear[])[VitLinear.Query, VitLinear.Value])
                pairs.Add(new LoraPair(new LinearId(layer, linear), rank, dim, dim, Values(random, rank * dim), Values(random, dim * rank)));
        return new LoraAdapter(2, pairs, new TaskHead(classes, dim, Values(random, classes * dim), Values(random, classes)));
    }

    public static Probe Probe(int inputs = 1, int size = Size, int classes = 2)
    {
        Random random = new(8);
        return new Probe(Values(random, inputs * 3 * size * size), [inputs, 3, size, size], Values(random, inputs * classes), classes);
    }

    /// <summary>A PNG file as far as the format looks into it.</summary>
    public static byte[] Preview { get; } = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3];

    public static byte[] Write(SigningKey? key, byte[]? preview = null) => BundleWriter.Write(Description, Adapter(), Probe(), preview, key);

    /// <summary>The trust of one key.</summary>
    public static TrustStore Trust(TemporaryFolder folder, SigningKey key)
    {
        string path = folder[$"{Guid.NewGuid():n}.pub.pem"];
        key.WritePublicPem(path);
        return TrustStore.FromFile(path);
    }

    /// <summary>The refusal of something that must be refused.</summary>
    public static BundleException Refused(BundleRefusal refusal, Action action, string? message = null)
    {
        BundleException exception = Assert.Throws<BundleException>(action);
        Assert.True(exception.Refusal == refusal, $"expected {refusal}, found {exception.Refusal}: {exception.Message}");
        if (message is not null) Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
        return exception;
    }

    private static float[] Values(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (random.NextSingle() - 0.5f) * 2;
        return values;
    }
}
