using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Bases;

namespace MeLo.Edge.Training.Tests.Bases;

public sealed class TimmCheckpointTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 40 };

    [Theory]
    [InlineData(VitPooling.ClassToken, VitFinalNorm.BeforePooling)]
    [InlineData(VitPooling.Average, VitFinalNorm.AfterPooling)]
    public void WrittenCheckpoint_IsImportedBitForBit(VitPooling pooling, VitFinalNorm norm)
    {
        VitArchitecture vit = s_vit with { Pooling = pooling, FinalNorm = norm };
        using TemporaryFolder folder = new();
        Dictionary<string, float[]> values = Values(vit);
        using (FileStream file = File.Create(folder["vit.safetensors"])) TimmCheckpoint.Write(file, vit, values, half: false);
        BaseImport.Import(folder["vit.safetensors"], folder["base"], new BaseImportOptions { Heads = 3 }, cancellation: TestContext.Current.CancellationToken);
        using BasePackage package = BasePackage.Open(folder["base"]);
        Assert.Equal(vit, package.Architecture);
        foreach (CanonicalWeight weight in CanonicalWeights.Of(vit)) Assert.Equal(values[weight.Name], package.Weights[weight.Name].ToSingles());
    }

    [Fact]
    public void HalfCheckpoint_IsHalfTheSizeAndRoundedOnce()
    {
        using TemporaryFolder folder = new();
        Dictionary<string, float[]> values = Values(s_vit);
        using (FileStream file = File.Create(folder["vit.safetensors"])) TimmCheckpoint.Write(file, s_vit, values, half: true);
        BaseImport.Import(folder["vit.safetensors"], folder["base"], new BaseImportOptions { Heads = 3 }, cancellation: TestContext.Current.CancellationToken);
        using BasePackage package = BasePackage.Open(folder["base"]);
        foreach (CanonicalWeight weight in CanonicalWeights.Of(s_vit))
            Assert.Equal(values[weight.Name].Select(v => (float)(Half)v), package.Weights[weight.Name].ToSingles());
    }

    [Fact]
    public void RandomWeights_AreThoseOfTheSeed()
    {
        Assert.Equal(Bytes(1), Bytes(1));
        Assert.NotEqual(Bytes(1), Bytes(2));

        static byte[] Bytes(ulong seed)
        {
            using MemoryStream stream = new();
            RandomWeights.Write(stream, s_vit, seed);
            return stream.ToArray();
        }
    }

    private static Dictionary<string, float[]> Values(VitArchitecture vit)
    {
        SplitMix64 random = new(7);
        Dictionary<string, float[]> values = [];
        foreach (CanonicalWeight weight in CanonicalWeights.Of(vit))
        {
            float[] data = new float[weight.ElementCount];
            for (int i = 0; i < data.Length; i++) data[i] = (float)random.Between(-1, 1);
            values.Add(weight.Name, data);
        }
        return values;
    }
}
