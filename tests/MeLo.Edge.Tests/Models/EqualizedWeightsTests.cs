using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>Equalised weights are the same model's, and bytes hold them better.</summary>
public sealed class EqualizedWeightsTests : IDisposable
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 600 }; // hidden features in more than one block and group

    private readonly TemporaryFolder _folder = new();
    private readonly RandomVit _random = Uneven();
    private readonly BasePackage _package;
    private readonly string _path;
    private readonly LinearId[] _linears = [.. BasePackage.EveryLayer(s_vit, VitLinears.All)];

    public EqualizedWeightsTests()
    {
        Importing.Import(RandomVit.Save(_folder["checkpoint.safetensors"], _random.Timm()), _folder["base"], new BaseImportOptions { Heads = 3 });
        _package = BasePackage.Open(_folder["base"]);
        _path = Path.Combine(_package.Folder, "equalized.safetensors");
        EqualizedWeights.Write(_path, s_vit, _package.Weights, Observe(_package.Weights));
    }

    [Fact]
    public void Model_AnswersAsBefore()
    {
        using SafetensorsFile equalized = SafetensorsFile.Open(_path);
        float[] pixels = _random.Pixels(3);
        Closeness.AssertWithin(1e-4, new NaiveVit(_random).Features(pixels), Features(VitGraph.Build(s_vit, equalized, []), pixels));
    }

    [Fact]
    public void Inputs_AreCloserInHeight_AndHiddenFeaturesInOrder()
    {
        using SafetensorsFile equalized = SafetensorsFile.Open(_path);
        InputGrams before = Observe(_package.Weights), after = Observe(equalized);
        foreach (int layer in (int[])[0, 1])
        {
            LinearId fc1 = new(layer, VitLinear.Fc1), fc2 = new(layer, VitLinear.Fc2);
            Assert.True(Spread(after.SquareSums(fc1)) < 1.1 * Math.Sqrt(Spread(before.SquareSums(fc1))), $"{Spread(before.SquareSums(fc1))} became {Spread(after.SquareSums(fc1))}");
            double[] hidden = after.SquareSums(fc2);
            Assert.Equal(hidden.OrderDescending(), hidden, (a, b) => Math.Abs(a - b) <= 1e-4 * Math.Max(a, b));
            Assert.NotEqual(before.SquareSums(fc2).OrderDescending(), before.SquareSums(fc2));
        }
    }

    [Fact]
    public void Int8_IsCloserToTheModel_WithTheirOwnNormsAndBiases()
    {
        using SafetensorsFile equalized = SafetensorsFile.Open(_path);
        float[] pixels = _random.Pixels(8), exact = new NaiveVit(_random).Features(pixels);
        double plain = Off(exact, Int8Features(_package.Weights, [], pixels)), equal = Off(exact, Int8Features(equalized, EqualizedWeights.Others(s_vit), pixels));
        Assert.True(equal < 0.8 * plain, $"off by {equal:G3}, without equalisation by {plain:G3}");
    }

    [Fact]
    public void FeatureThatIsAlwaysZero_StaysAsItIs()
    {
        _random.Weights["0.n2.weight"].Values[3] = _random.Weights["0.n2.bias"].Values[3] = 0;
        Importing.Import(RandomVit.Save(_folder["zero.safetensors"], _random.Timm()), _folder["zero"], new BaseImportOptions { Heads = 3 });
        using BasePackage package = BasePackage.Open(_folder["zero"]);
        string path = Path.Combine(package.Folder, "equalized.safetensors");
        EqualizedWeights.Write(path, s_vit, package.Weights, InputGrams.Observe(s_vit, package.Weights, package.Folder, _linears, Pictures(), TestContext.Current.CancellationToken));
        using SafetensorsFile equalized = SafetensorsFile.Open(path);
        foreach (string name in EqualizedWeights.Others(s_vit)) Assert.True(equalized[name].IsFinite(), name);
        Assert.Equal(0, equalized["layers.0.norm2.weight"].ToSingles()[3]);
        float[] row = [.. package.Weights["layers.0.fc1.weight"].ToSingles()[(3 * s_vit.MlpDim)..(4 * s_vit.MlpDim)].Order()];
        Assert.Equal(row, equalized["layers.0.fc1.weight"].ToSingles()[(3 * s_vit.MlpDim)..(4 * s_vit.MlpDim)].Order());
    }

    // Some features that fc1 reads, and some that fc2 reads, reach far beyond the others.
    private static RandomVit Uneven()
    {
        RandomVit vit = new(s_vit);
        for (int layer = 0; layer < s_vit.Depth; layer++)
        {
            for (int i = 0; i < s_vit.Dim; i += 8) vit.Weights[$"{layer}.n2.weight"].Values[i] *= 16;
            float[] fc1 = vit.Weights[$"{layer}.fc1.weight"].Values; // [out, in]
            for (int hidden = 0; hidden < s_vit.MlpDim; hidden++)
                for (int i = 0; i < s_vit.Dim; i++) fc1[(hidden * s_vit.Dim) + i] /= (i % 8 == 0 ? 16 : 1) * (hidden % 3 == 0 ? 1 : 8);
        }
        return vit;
    }

    private InputGrams Observe(SafetensorsFile weights) => InputGrams.Observe(s_vit, weights, _package.Folder, _linears, Pictures(), TestContext.Current.CancellationToken);

    private IEnumerable<float[]> Pictures() => Enumerable.Range(20, 4).Select(seed => _random.Pixels(1, seed));

    private float[] Int8Features(SafetensorsFile weights, IEnumerable<string> others, float[] pixels)
    {
        string path = Path.Combine(_package.Folder, $"{weights.Source}.packed");
        QuantizedWeightsFile.Write(path, s_vit, weights, _linears, grams: null, others);
        using SafetensorsFile quantized = SafetensorsFile.Open(path);
        return Features(VitGraph.BuildInt8(s_vit, _package.Weights, [], quantized), pixels);
    }

    private float[] Features(GraphBuilder graph, float[] pixels)
    {
        string model = Path.Combine(_package.Folder, "features.onnx");
        OnnxWriter.Write(graph, model);
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(1).WithOperators(ByteOperators.For(1));
        using OrtSession session = OrtSession.Create(model, options);
        float[] identity = new float[s_vit.Dim * s_vit.Dim];
        for (int i = 0; i < s_vit.Dim; i++) identity[(i * s_vit.Dim) + i] = 1;
        using OrtValue input = OrtValue.FromArray(pixels, [pixels.Length / (3 * s_vit.ImageSize * s_vit.ImageSize), 3, s_vit.ImageSize, s_vit.ImageSize]);
        using OrtValue weight = OrtValue.FromArray(identity, [s_vit.Dim, s_vit.Dim]), bias = OrtValue.FromArray(new float[s_vit.Dim], [s_vit.Dim]);
        using OrtValue features = session.Run([VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias], [input, weight, bias], [VitGraph.Logits])[0];
        return features.AsSpan<float>().ToArray();
    }

    private static double Spread(double[] squareSums) => Math.Sqrt(squareSums.Max() / squareSums.Min());

    private static double Off(float[] exact, float[] found) => Math.Sqrt(exact.Zip(found, (a, b) => Math.Pow(a - b, 2)).Sum());

    public void Dispose()
    {
        _package.Dispose();
        _folder.Dispose();
    }
}
