using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>The tensors of a bundle: what the description implies, and nothing else.</summary>
public sealed class BundlePayloadTests
{
    private const int Dim = TestBundles.Dim;
    private const int Rank = TestBundles.Rank;

    [Fact]
    public void HalfPrecisionTensors_AreWidened()
    {
        float[] values = [1, -2, 0.5f, 0, 1.5f, -0.25f, 3, 8, 1, 1, 1, 1, 1, 1, 1, 1];
        List<TensorSource> tensors = Tensors();
        Replace(tensors, "layers.0.query.lora_a", ElementType.F16, [Rank, Dim], s => { foreach (float v in values) s.Write(BitConverter.GetBytes((Half)v)); });
        Replace(tensors, "layers.0.query.lora_b", ElementType.BF16, [Dim, Rank], s => { foreach (float v in values) s.Write(BitConverter.GetBytes(v).AsSpan(2)); });
        LoraPair pair = Open(tensors).Adapter.Pairs[0];
        Assert.Equal(values, pair.A);
        Assert.Equal(values, pair.B);
    }

    [Fact]
    public void RankOfItsOwnBelowTheLargest_IsAccepted()
    {
        List<TensorSource> tensors = Tensors();
        Replace(tensors, "layers.1.value.lora_a", [1, Dim]);
        Replace(tensors, "layers.1.value.lora_b", [Dim, 1]);
        Assert.Equal([2, 2, 2, 1], Open(tensors).Adapter.Pairs.Select(p => p.Rank));
    }

    [Theory]
    [InlineData("layers.0.query.lora_a")]
    [InlineData("layers.0.value.lora_b")]
    [InlineData("layers.1.value.lora_a")]
    [InlineData("head.weight")]
    [InlineData("head.bias")]
    public void MissingTensor_IsNamed(string name)
    {
        List<TensorSource> tensors = Tensors();
        tensors.RemoveAll(t => t.Name == name);
        Refused(tensors, $"'{name}': is missing");
    }

    [Fact]
    public void MissingPair_IsNamed()
    {
        List<TensorSource> tensors = Tensors();
        tensors.RemoveAll(t => t.Name.StartsWith("layers.1.query", StringComparison.Ordinal));
        Refused(tensors, "layers.1.query: is missing");
    }

    [Theory]
    [InlineData("head.scale")]
    [InlineData("layers.0.query.lora_c")]
    [InlineData("layers.0.query.weight")]
    [InlineData("layers.00.query.lora_a")]
    [InlineData("layers.-1.query.lora_a")]
    [InlineData("layers.0.mlp.lora_a")]
    [InlineData("layers.99999999999.query.lora_a")]
    [InlineData(".lora_a")]
    [InlineData("")]
    public void OtherTensor_IsNamed(string name)
    {
        List<TensorSource> tensors = [.. Tensors(), TensorSource.FromSingles(name, [1, 1], new float[1])];
        Refused(tensors, $"found a tensor '{name}'");
    }

    [Fact]
    public void TargetThatIsNotDescribed_IsRefused()
    {
        List<TensorSource> tensors = Tensors();
        foreach (int layer in (int[])[0, 1])
        {
            tensors.Add(TensorSource.FromSingles($"layers.{layer}.key.lora_a", [Rank, Dim], new float[Rank * Dim]));
            tensors.Add(TensorSource.FromSingles($"layers.{layer}.key.lora_b", [Dim, Rank], new float[Rank * Dim]));
        }
        Refused(tensors, "found matrices for query, key, value, expected query, value as adapter.json says");
    }

    [Theory]
    [InlineData("layers.0.query.lora_a", new long[] { Dim, Rank }, "lora_b' is [8,2]")]
    [InlineData("layers.0.query.lora_a", new long[] { Rank * Dim }, "is [16], expected a matrix")]
    [InlineData("layers.0.query.lora_a", new long[] { 1, Rank, Dim }, "is [1,2,8], expected a matrix")]
    [InlineData("layers.0.query.lora_a", new long[] { 0, Dim }, "is [0,8], expected a matrix")]
    [InlineData("layers.0.query.lora_b", new long[] { 4, 4 }, "lora_b' is [4,4], expected [4,2]")]
    [InlineData("head.bias", new long[] { 3 }, "'head.bias' is [3], expected [2]")]
    [InlineData("head.bias", new long[] { 1, 2 }, "'head.bias' is [1,2], expected [2]")]
    [InlineData("head.weight", new long[] { 2, 4 }, "found 8 inputs, expected the 4 features of the head")]
    public void WrongShape_IsNamed(string name, long[] shape, string message)
    {
        List<TensorSource> tensors = Tensors();
        Replace(tensors, name, shape);
        Refused(tensors, message);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void NonFiniteValue_IsRefused(float value)
    {
        foreach (string name in Tensors().Select(t => t.Name))
        {
            List<TensorSource> tensors = Tensors();
            TensorSource old = tensors.Find(t => t.Name == name)!;
            float[] values = new float[old.ByteLength / sizeof(float)];
            values[^1] = value;
            tensors[tensors.IndexOf(old)] = TensorSource.FromSingles(name, old.Shape, values);
            Refused(tensors, "not finite");
        }
    }

    [Fact]
    public void IntegerTensor_IsRefused()
    {
        List<TensorSource> tensors = Tensors();
        Replace(tensors, "head.bias", ElementType.I32, [2], s => s.Write(new byte[8]));
        Refused(tensors, "'head.bias' is I32, expected F32, F16 or BF16");
    }

    [Fact]
    public void RankOrLabelsOtherThanDescribed_AreRefused()
    {
        AdapterDescription description = TestBundles.Description;
        Refused(Tensors(), "found 2 as the largest rank, expected 4", description with { Lora = description.Lora with { Rank = 4 } });
        Refused(Tensors(), "found a head of 2 classes, expected 3", description with { Head = description.Head with { Labels = ["a", "b", "c"] } });
    }

    [Fact]
    public void AdapterFileThatIsNoSafetensors_IsRefused()
    {
        Dictionary<string, ReadOnlyMemory<byte>> entries = Entries();
        entries["adapter.safetensors"] = new byte[100];
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Bundle.OpenUnverified(ZipWriter.Write(entries, "a"), "a.melo"), "adapter.safetensors: the header");
    }

    public static TheoryData<string, long[], long[], string> Probes { get; } = new()
    {
        { "no inputs", [0, 3, 4, 4], [0, 2], "found pixel_values [0,3,4,4]" },
        { "too many inputs", [17, 3, 4, 4], [17, 2], "found pixel_values [17,3,4,4], expected [1 to 16,3,4,4]" },
        { "one channel", [1, 1, 4, 4], [1, 2], "found pixel_values [1,1,4,4]" },
        { "other size", [1, 3, 8, 8], [1, 2], "found pixel_values [1,3,8,8]" },
        { "not square", [1, 3, 4, 8], [1, 2], "found pixel_values [1,3,4,8]" },
        { "no batch", [3, 4, 4], [1, 2], "found pixel_values [3,4,4]" },
        { "other number of logits", [2, 3, 4, 4], [1, 2], "found logits [1,2], expected [2,2]" },
        { "other number of classes", [1, 3, 4, 4], [1, 3], "found logits [1,3], expected [1,2]" },
        { "logits without batch", [1, 3, 4, 4], [2], "found logits [2]" },
    };

    [Theory]
    [MemberData(nameof(Probes))]
    public void ProbeOfAnotherShape_IsRefused(string situation, long[] pixels, long[] logits, string message)
    {
        Assert.NotEmpty(situation);
        RefusedProbe([Zeros("pixel_values", pixels), Zeros("logits", logits)], message);
    }

    [Fact]
    public void ProbeWithAnotherOrMissingTensor_IsRefused()
    {
        RefusedProbe([Zeros("pixel_values", [1, 3, 4, 4]), Zeros("logits", [1, 2]), Zeros("labels", [1])], "found a tensor 'labels'");
        RefusedProbe([Zeros("pixel_values", [1, 3, 4, 4])], "tensor 'logits': is missing");
    }

    [Fact]
    public void ProbeThatIsNotF32OrNotFinite_IsRefused()
    {
        RefusedProbe([Zeros("pixel_values", [1, 3, 4, 4]), new TensorSource("logits", ElementType.F16, [1, 2], s => s.Write(new byte[4]))], "'logits' is F16, expected F32");
        RefusedProbe([Zeros("pixel_values", [1, 3, 4, 4]), TensorSource.FromSingles("logits", [1, 2], new float[] { 0, float.NaN })], "'logits' holds a value that is not finite");
    }

    [Fact]
    public void PreviewThatIsNoPng_IsRefused() =>
        TestBundles.Refused(BundleRefusal.InvalidPreview, () => TestBundles.Write(null, "GIF89a"u8.ToArray()), "preview.png does not start as a PNG file does");

    [Fact]
    public void PreviewOverItsLimit_IsRefusedWhenWritten() =>
        TestBundles.Refused(BundleRefusal.Malformed, () => TestBundles.Write(null, [.. TestBundles.Preview, .. new byte[1 << 20]]), "'preview.png' has");

    [Fact]
    public void DescriptionOfAnotherAdapter_IsRefusedWhenWritten()
    {
        AdapterDescription description = TestBundles.Description with { Lora = TestBundles.Description.Lora with { Scale = 1 } };
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => BundleWriter.Write(description, TestBundles.Adapter(), TestBundles.Probe(), null, null), "found scale 2, expected 1");
    }

    [Fact]
    public void InvalidDescription_IsRefusedWhenWritten() => TestBundles.Refused(BundleRefusal.InvalidDescription,
        () => BundleWriter.Write(TestBundles.Description with { Task = "No Such Name" }, TestBundles.Adapter(), TestBundles.Probe(), null, null), "$.task");

    private static BundleContents Open(List<TensorSource> tensors, AdapterDescription? description = null)
    {
        Dictionary<string, ReadOnlyMemory<byte>> entries = Entries();
        entries["adapter.safetensors"] = SafetensorsWriter.ToBytes(tensors);
        if (description is not null) entries["adapter.json"] = description.ToJson();
        return Bundle.OpenUnverified(ZipWriter.Write(entries, "a"), "a.melo");
    }

    private static void Refused(List<TensorSource> tensors, string message, AdapterDescription? description = null) =>
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Open(tensors, description), message);

    private static void RefusedProbe(IReadOnlyList<TensorSource> tensors, string message)
    {
        Dictionary<string, ReadOnlyMemory<byte>> entries = Entries();
        entries["probe.safetensors"] = SafetensorsWriter.ToBytes(tensors);
        TestBundles.Refused(BundleRefusal.InvalidProbe, () => Bundle.OpenUnverified(ZipWriter.Write(entries, "a"), "a.melo"), message);
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> Entries() => new(ZipReader.Read(TestBundles.Write(null), "a"), StringComparer.Ordinal);

    private static List<TensorSource> Tensors()
    {
        List<TensorSource> tensors = [];
        foreach (LoraPair pair in TestBundles.Adapter().Pairs)
        {
            tensors.Add(TensorSource.FromSingles($"{pair.Target}.lora_a", [pair.Rank, pair.InFeatures], pair.A));
            tensors.Add(TensorSource.FromSingles($"{pair.Target}.lora_b", [pair.OutFeatures, pair.Rank], pair.B));
        }
        tensors.Add(Zeros("head.weight", [2, Dim]));
        tensors.Add(Zeros("head.bias", [2]));
        return tensors;
    }

    private static void Replace(List<TensorSource> tensors, string name, long[] shape) => tensors[tensors.FindIndex(t => t.Name == name)] = Zeros(name, shape);

    private static void Replace(List<TensorSource> tensors, string name, ElementType type, long[] shape, Action<Stream> write) =>
        tensors[tensors.FindIndex(t => t.Name == name)] = new TensorSource(name, type, shape, write);

    private static TensorSource Zeros(string name, long[] shape) =>
        TensorSource.FromSingles(name, shape, new float[shape.Aggregate(1L, (product, dimension) => product * dimension)]);
}
