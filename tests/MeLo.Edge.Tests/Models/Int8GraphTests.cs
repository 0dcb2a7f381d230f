using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>The int8 graph stays close to the fp32 one, also where a few channels reach far beyond the others.</summary>
public sealed class Int8GraphTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 96 };

    private static readonly Dictionary<int, OutlierChannels> s_none = [];

    [Fact]
    public void MassiveChannel_IsFound_AndCostsTheOthersNoAccuracy()
    {
        Assert.SkipUnless(CpuArithmetic.Here.IsExact, "the processor clips byte products");
        RandomVit vit = new(s_vit);
        Plant(vit, layer: 1, channel: 5, height: 200);
        using TemporaryFolder folder = new();
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], vit.Timm());
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 3 });
        using BasePackage package = BasePackage.Open(folder["base"]);
        string quantizedPath = Path.Combine(package.Folder, "quantized.safetensors");
        QuantizedWeightsFile.Write(quantizedPath, s_vit, package.Weights, []);
        using SafetensorsFile quantized = SafetensorsFile.Open(quantizedPath);

        IReadOnlyDictionary<int, OutlierChannels> outliers = OutlierSearch.Find(
            package.Architecture, package.Weights, package.Folder, CalibrationPictures.Drawn(s_vit.ImageSize), TestContext.Current.CancellationToken);
        Assert.Equal([1], outliers.Keys);
        Assert.Equal([5], outliers[1].Channels);

        float[] pixels = vit.Pixels(1), exact = new NaiveVit(vit).Features(pixels);
        float[] with = Features(package, new QuantizedBase(quantized, outliers), pixels);
        float[] without = Features(package, new QuantizedBase(quantized, s_none), pixels);
        // A value on the edge between two bytes may fall to the other side, which moves the result by part of a step.
        Closeness.AssertWithin(0.01, new NaiveInt8Vit(vit, outliers).Features(pixels), with);
        Closeness.AssertWithin(0.01, new NaiveInt8Vit(vit, s_none).Features(pixels), without);
        double corrected = Closeness.Difference(exact, with), spoilt = Closeness.Difference(exact, without);
        Assert.True(spoilt > 3 * corrected, $"differs by {spoilt:G3} without the correction, by {corrected:G3} with it");
    }

    [Fact]
    public void Graph_ComputesWhatTheNaiveInt8TwinDoes()
    {
        Assert.SkipUnless(CpuArithmetic.Here.IsExact, "the processor clips byte products");
        foreach (VitArchitecture shape in (VitArchitecture[])[s_vit, s_vit with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling }, s_vit with { QkvBias = false }])
        {
            RandomVit vit = new(shape);
            using TemporaryFolder folder = new();
            Importing.Import(RandomVit.Save(folder["checkpoint.safetensors"], vit.Timm()), folder["base"], new BaseImportOptions { Heads = 3 });
            using BasePackage package = BasePackage.Open(folder["base"]);
            string quantizedPath = Path.Combine(package.Folder, "quantized.safetensors");
            QuantizedWeightsFile.Write(quantizedPath, shape, package.Weights, []);
            using SafetensorsFile quantized = SafetensorsFile.Open(quantizedPath);
            float[] pixels = vit.Pixels(1);
            Closeness.AssertWithin(0.01, new NaiveInt8Vit(vit, s_none).Features(pixels), Features(package, new QuantizedBase(quantized, s_none), pixels));
        }
    }

    [Fact]
    public void OrdinaryChannels_AreNoOutliers()
    {
        float[] largest = [.. Enumerable.Range(0, 192).Select(i => 1 + (i % 7 * 0.4f))];
        Assert.Null(OutlierSearch.Outliers(largest));
        largest[17] = 30;
        largest[100] = 12;
        OutlierChannels found = OutlierSearch.Outliers(largest)!;
        Assert.Equal([17], found.Channels);
        Assert.Equal(12, found.Limit); // below four times the ordinary 3.4: the others' range, which costs them less than two bits
    }

    [Fact]
    public void ImportInBothPrecisions_KeepsTheBaseDigest_AndHoldsBothGraphs()
    {
        using TemporaryFolder folder = new();
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(s_vit).Timm());
        Importing.Import(checkpoint, folder["one"], new BaseImportOptions { Heads = 3 });
        Importing.Import(checkpoint, folder["two"], new BaseImportOptions { Heads = 3, Precisions = [Precision.Fp32, Precision.Int8] });
        using BasePackage one = BasePackage.Open(folder["one"]), two = BasePackage.Open(folder["two"]);
        Assert.Equal(one.Digest, two.Digest);
        Assert.Equal([Precision.Fp32, Precision.Int8], two.Precisions);
        Assert.Equal(["base.json", "model.fp32.onnx", "model.int8.onnx", "weights.int8.safetensors", "weights.safetensors"],
            Directory.GetFiles(two.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Import_GivesTheSameBytesEachTime()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        Plant(vit, layer: 0, channel: 90, height: 50);
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], vit.Timm());
        string[] hashes = [.. Enumerable.Range(0, 2).SelectMany(i =>
        {
            Importing.Import(checkpoint, folder[$"base-{i}"], new BaseImportOptions { Heads = 3, Precisions = [Precision.Int8] });
            return (string[])[Hash(folder[$"base-{i}"], "model.int8.onnx"), Hash(folder[$"base-{i}"], "weights.int8.safetensors")];
        })];
        Assert.Equal(hashes[..2], hashes[2..]);

        static string Hash(string folder, string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, file))));
    }

    [Theory]
    [InlineData("changed", "found weights.int8.safetensors with SHA-256")]
    [InlineData("missing", "found no weights.int8.safetensors")]
    [InlineData("unhashed", "expected one as base.json says")]
    public void QuantizedWeights_NotThoseOfTheImport_AreRefused(string fault, string message)
    {
        using TemporaryFolder folder = new();
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(s_vit).Timm());
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 3, Precisions = [Precision.Int8] });
        string file = Path.Combine(folder["base"], "weights.int8.safetensors"), manifest = Path.Combine(folder["base"], "base.json");
        if (fault == "missing") File.Delete(file);
        if (fault == "changed")
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
        if (fault == "unhashed")
        {
            JsonNode json = JsonNode.Parse(File.ReadAllText(manifest))!;
            Assert.True(json["graphs"]![0]!.AsObject().Remove("weightsSha256"));
            File.WriteAllText(manifest, json.ToJsonString());
        }
        ModelException refused = Assert.Throws<ModelException>(() => BasePackage.Open(folder["base"]));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    // The channel is always high, whatever the picture; its weights are small, so that the model's answer does not hang on it alone.
    private static void Plant(RandomVit vit, int layer, int channel, float height)
    {
        vit.Weights[$"{layer}.fc1.bias"].Values[channel] = height;
        float[] fc2 = vit.Weights[$"{layer}.fc2.weight"].Values;
        for (int o = 0; o < vit.Architecture.Dim; o++) fc2[(o * vit.Architecture.MlpDim) + channel] /= 64;
    }

    private static float[] Features(BasePackage package, QuantizedBase quantized, float[] pixels)
    {
        VitArchitecture vit = package.Architecture;
        string model = Path.Combine(package.Folder, $"features-{quantized.Outliers.Count}.onnx");
        OnnxWriter.Write(VitGraph.BuildInt8(vit, package.Weights, [], quantized), model);
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(1);
        using OrtSession session = OrtSession.Create(model, options);
        float[] identity = new float[vit.Dim * vit.Dim];
        for (int i = 0; i < vit.Dim; i++) identity[(i * vit.Dim) + i] = 1;
        using OrtValue input = OrtValue.FromArray(pixels, [pixels.Length / (3 * vit.ImageSize * vit.ImageSize), 3, vit.ImageSize, vit.ImageSize]);
        using OrtValue weight = OrtValue.FromArray(identity, [vit.Dim, vit.Dim]), bias = OrtValue.FromArray(new float[vit.Dim], [vit.Dim]);
        using OrtValue features = session.Run([VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias], [input, weight, bias], [VitGraph.Logits])[0];
        return features.AsSpan<float>().ToArray();
    }
}
