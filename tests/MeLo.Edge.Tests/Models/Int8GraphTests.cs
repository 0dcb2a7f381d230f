using System.Security.Cryptography;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>The int8 graph computes what its description says, and stays close to fp32 where a channel reaches far beyond the others.</summary>
public sealed class Int8GraphTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 96 };

    [Fact]
    public void MassiveChannel_CostsItsOwnGroupOnly()
    {
        // Eight groups of hidden features, one with a channel far beyond all others.
        VitArchitecture wide = s_vit with { MlpDim = 2048 };
        RandomVit vit = new(wide);
        Plant(vit, layer: 1, channel: 5, height: 200);
        float[] pixels = vit.Pixels(1), exact = new NaiveVit(vit).Features(pixels), found = Int8Features(vit, pixels);
        double byGroup = Closeness.Difference(exact, found), byToken = Closeness.Difference(exact, new NaiveInt8Vit(vit, groupFeatures: wide.MlpDim).Features(pixels));
        Assert.True(byToken > 2 * byGroup, $"differs by {byGroup:G3} with a range for every group, by {byToken:G3} with one for every token");
    }

    [Fact]
    public void Graph_ComputesWhatTheNaiveInt8TwinDoes()
    {
        VitArchitecture[] shapes =
        [
            s_vit, s_vit with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling }, s_vit with { QkvBias = false },
            s_vit with { Dim = 270, MlpDim = 514 }, // more than a group, and not whole quads or panels
            s_vit with { ImageSize = 150, PatchSize = 150, Depth = 1 }, // a patch has more pixels than any other linear inputs
        ];
        foreach (VitArchitecture shape in shapes)
        {
            RandomVit vit = new(shape);
            float[] pixels = vit.Pixels(2);
            Closeness.AssertWithin(0.01, new NaiveInt8Vit(vit).Features(pixels), Int8Features(vit, pixels));
        }
    }

    [Fact]
    public void Picture_GetsTheSameBits_AloneAndAmongOthers_OnAnyNumberOfThreads()
    {
        RandomVit vit = new(s_vit with { Dim = 72, MlpDim = 300 });
        float[] pixels = vit.Pixels(5), together = Int8Features(vit, pixels, threads: 2);
        int picture = pixels.Length / 5, features = together.Length / 5;
        Assert.Equal(together, Int8Features(vit, pixels, threads: 1));
        for (int i = 0; i < 5; i++) Assert.Equal(together[(i * features)..((i + 1) * features)], Int8Features(vit, pixels[(i * picture)..((i + 1) * picture)], threads: 3));
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

    // The channel is always high, whatever the picture; its weights are small, so that the model's answer does not hang on it alone.
    private static void Plant(RandomVit vit, int layer, int channel, float height)
    {
        vit.Weights[$"{layer}.fc1.bias"].Values[channel] = height;
        float[] fc2 = vit.Weights[$"{layer}.fc2.weight"].Values;
        for (int o = 0; o < vit.Architecture.Dim; o++) fc2[(o * vit.Architecture.MlpDim) + channel] /= 64;
    }

    // The whole graph's features, with every linear a constant.
    private static float[] Int8Features(RandomVit random, float[] pixels, int threads = 1)
    {
        using TemporaryFolder folder = new();
        Importing.Import(RandomVit.Save(folder["checkpoint.safetensors"], random.Timm()), folder["base"], new BaseImportOptions { Heads = 3 });
        using BasePackage package = BasePackage.Open(folder["base"]);
        VitArchitecture vit = package.Architecture;
        string quantizedPath = Path.Combine(package.Folder, "quantized.safetensors"), model = Path.Combine(package.Folder, "features.onnx");
        QuantizedWeightsFile.Write(quantizedPath, vit, package.Weights, [.. BasePackage.EveryLayer(vit, VitLinears.All)]);
        using SafetensorsFile quantized = SafetensorsFile.Open(quantizedPath);
        OnnxWriter.Write(VitGraph.BuildInt8(vit, package.Weights, [], quantized), model);
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(threads).WithOperators(ByteOperators.For(threads));
        using OrtSession session = OrtSession.Create(model, options);
        float[] identity = new float[vit.Dim * vit.Dim];
        for (int i = 0; i < vit.Dim; i++) identity[(i * vit.Dim) + i] = 1;
        using OrtValue input = OrtValue.FromArray(pixels, [pixels.Length / (3 * vit.ImageSize * vit.ImageSize), 3, vit.ImageSize, vit.ImageSize]);
        using OrtValue weight = OrtValue.FromArray(identity, [vit.Dim, vit.Dim]), bias = OrtValue.FromArray(new float[vit.Dim], [vit.Dim]);
        using OrtValue features = session.Run([VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias], [input, weight, bias], [VitGraph.Logits])[0];
        return features.AsSpan<float>().ToArray();
    }
}
