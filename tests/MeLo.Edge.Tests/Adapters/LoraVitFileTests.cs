using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Adapters;

public sealed class LoraVitFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Random _random = new(1);

    [Theory]
    [InlineData("micro/tb_micro_lora_4_4.safetensors", 4, 4, 1, 2, 64, 3)]
    [InlineData("micro/blood_micro_lora_4_8.safetensors", 4, 8, 2, 5, 64, 3)]
    [InlineData("micro/chest_micro_lora_8_8.safetensors", 8, 8, 1, 14, 64, 3)]
    [InlineData("tiny/tb_tiny_lora_4_4.safetensors", 4, 4, 1, 2, 192, 12)]
    [InlineData("tiny/blood_tiny_lora_4_4.safetensors", 4, 4, 1, 8, 192, 12)]
    public void FilesOfSaveLoraParameters_AreReadWithRankAlphaAndScale(string file, int rank, int alpha, int scale, int classes, int dim, int depth)
    {
        string path = SharedData.Golden(file.Split('/'));
        ImportedAdapter imported = LoraVitFile.Read(path);
        Assert.Equal((rank, (float)scale, depth), (imported.Adapter.Rank, imported.Adapter.Scale, imported.Adapter.Depth));
        Assert.Equal((classes, dim), (imported.Adapter.Head.Classes, imported.Adapter.Head.Dim));
        Assert.Equal([VitLinear.Query, VitLinear.Value], imported.Adapter.Targets);
        Assert.Equal((alpha, "lora-vit", "zero"), (imported.Alpha, imported.Source, imported.BiasSource));
        Assert.All(imported.Adapter.Head.Bias, b => Assert.Equal(0, b));
        using SafetensorsFile raw = SafetensorsFile.Open(path);
        Assert.Equal(raw["w_a_002"].ToSingles(), imported.Adapter.Pairs.Single(p => p.Target == new LinearId(1, VitLinear.Query)).A);
        Assert.Equal(raw["w_b_003"].ToSingles(), imported.Adapter.Pairs.Single(p => p.Target == new LinearId(1, VitLinear.Value)).B);
        Assert.Equal(raw[$"fc_{dim}in_{classes}out"].ToSingles(), imported.Adapter.Head.Weight);
    }

    [Fact]
    public void EarlySaveWithoutB_IsRefusedBecauseBIsMissing() =>
        Assert.Contains("found 24 w_a_… tensors and no w_b_…", Refused(SharedData.Data("adapters", "lora_vit_early_save_a_only.safetensors")), StringComparison.Ordinal);

    [Fact]
    public void SamAdapterWithoutHead_IsRefusedBecauseTheHeadIsMissing() =>
        Assert.Contains("found no head", Refused(SharedData.Data("adapters", "sam_vit_b_lora_rank4_nohead.safetensors")), StringComparison.Ordinal);

    [Theory]
    [InlineData(4, 4, 1)]
    [InlineData(4, 7, 1)]
    [InlineData(4, 8, 2)]
    [InlineData(4, 400, 100)]
    public void Scale_IsTheIntegerQuotient(int rank, int alpha, int scale) =>
        Assert.Equal(scale, LoraVitFile.Read(Write($"x_{rank}_{alpha}.safetensors", Tensors(rank))).Adapter.Scale);

    [Theory]
    [InlineData("x_4_3.safetensors", null, null, "alpha // rank")]
    [InlineData("x_4_0.safetensors", null, null, "alpha // rank")]
    [InlineData("x.safetensors", null, 3, "alpha // rank")]
    [InlineData("x.safetensors", null, -4, "alpha // rank")]
    [InlineData("x.safetensors", null, null, "found no alpha")]
    [InlineData("x_8_8.safetensors", null, null, "expected 8 as the file's name says")]
    [InlineData("x_8_8.safetensors", null, 8, "expected 8 as the file's name says")]
    [InlineData("x_4_4.safetensors", 3, null, "expected 3 as was given")]
    [InlineData("x_4_99999999999999.safetensors", null, null, "found no alpha")]
    public void RankOrAlphaThatDoesNotFit_IsRefused(string name, int? rank, int? alpha, string reason) =>
        Assert.Contains(reason, Refused(Write(name, Tensors(4)), rank, alpha), StringComparison.Ordinal);

    [Theory]
    [InlineData("x.safetensors", 4, 8, 2)]
    [InlineData("x.safetensors", null, 8, 2)]
    [InlineData("x_8_8.safetensors", 4, 4, 1)]
    [InlineData("blood_base_lora_4_4.safetensors", null, null, 1)]
    public void RankAndAlpha_ComeFromTheCallerBeforeTheName(string name, int? rank, int? alpha, int scale) =>
        Assert.Equal(scale, LoraVitFile.Read(Write(name, Tensors(4)), rank, alpha).Adapter.Scale);

    [Fact]
    public void HeadBias_IsTakenFromTheCaller_AndMustFit()
    {
        string path = Write("x_4_4.safetensors", Tensors(4));
        ImportedAdapter imported = LoraVitFile.Read(path, headBias: [1, 2, 3]);
        Assert.Equal([1, 2, 3], imported.Adapter.Head.Bias);
        Assert.Equal("file", imported.BiasSource);
        Assert.Contains("head bias of 2 values, expected 3", Assert.Throws<AdapterException>(() => LoraVitFile.Read(path, headBias: [1, 2])).Message, StringComparison.Ordinal);
        Assert.Contains("not finite", Assert.Throws<AdapterException>(() => LoraVitFile.Read(path, headBias: [1, 2, float.NaN])).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "no w_b_001", "tensor 'w_b_001': is missing" },
        { "no w_a_002", "tensor 'w_a_002': is missing" },
        { "no w_a at all", "no w_a_" },
        { "nothing", "found no w_a_000" },
        { "odd count", "expected an even number" },
        { "two heads", "found 2 head" },
        { "head with another width", "layers.0.query: found 8 inputs, expected the 9 features of the head" },
        { "head whose name lies", "tensor 'fc_8in_4out': found shape [3,8], expected [4,8]" },
        { "head with huge numbers", "the numbers in its name are too large" },
        { "a of another rank", "tensor 'w_a_001': found shape [5,8], expected [4,8]" },
        { "b transposed", "tensor 'w_b_000': found shape [4,8], expected [8,4]" },
        { "a flat", "tensor 'w_a_000': found shape [32], expected [rank,dim]" },
        { "a not finite", "tensor 'w_a_001': holds a value that is not finite" },
        { "head not finite", "tensor 'fc_8in_3out': holds a value that is not finite" },
        { "another tensor", "tensor 'pos_embed': is not part" },
        { "number without zeros", "tensor 'w_a_0': is not part" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void FileThatIsNoWholeAdapter_IsRefusedWithTheTensorsName(string fault, string reason)
    {
        Dictionary<string, (long[] Shape, float[] Values)> tensors = Tensors(4);
        switch (fault)
        {
            case "no w_b_001": tensors.Remove("w_b_001"); break;
            case "no w_a_002": tensors.Remove("w_a_002"); break;
            case "no w_a at all": for (int i = 0; i < 4; i++) tensors.Remove($"w_a_00{i}"); break;
            case "nothing": for (int i = 0; i < 4; i++) { tensors.Remove($"w_a_00{i}"); tensors.Remove($"w_b_00{i}"); } break;
            case "odd count": tensors.Remove("w_a_003"); tensors.Remove("w_b_003"); break;
            case "two heads": tensors["fc_8in_2out"] = ([2, 8], new float[16]); break;
            case "head with another width": tensors.Remove("fc_8in_3out"); tensors["fc_9in_3out"] = ([3, 9], new float[27]); break;
            case "head whose name lies": tensors.Remove("fc_8in_3out"); tensors["fc_8in_4out"] = ([3, 8], new float[24]); break;
            case "head with huge numbers": tensors.Remove("fc_8in_3out"); tensors["fc_8in_99999999999out"] = ([3, 8], new float[24]); break;
            case "a of another rank": tensors["w_a_001"] = ([5, 8], new float[40]); break;
            case "b transposed": tensors["w_b_000"] = ([4, 8], new float[32]); break;
            case "a flat": tensors["w_a_000"] = ([32], new float[32]); break;
            case "a not finite": tensors["w_a_001"].Values[5] = float.NaN; break;
            case "head not finite": tensors["fc_8in_3out"].Values[5] = float.PositiveInfinity; break;
            case "another tensor": tensors["pos_embed"] = ([1], [0]); break;
            case "number without zeros": tensors["w_a_0"] = ([1], [0]); break;
            default: throw new InvalidOperationException(fault);
        }
        Assert.Contains(reason, Refused(Write("x_4_4.safetensors", tensors)), StringComparison.Ordinal);
    }

    [Fact]
    public void MalformedSafetensors_AreRefusedAsSuch()
    {
        byte[] whole = File.ReadAllBytes(Write("x_4_4.safetensors", Tensors(4)));
        string path = _folder["y_4_4.safetensors"];
        foreach (int length in (int[])[0, 7, 8, 20, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<SafetensorsException>(() => LoraVitFile.Read(path));
        }
        byte[] huge = [.. whole];
        BitConverter.TryWriteBytes(huge, ulong.MaxValue);
        File.WriteAllBytes(path, huge);
        Assert.Throws<SafetensorsException>(() => LoraVitFile.Read(path));
        Assert.Throws<FileNotFoundException>(() => LoraVitFile.Read(_folder["absent_4_4.safetensors"]));
    }

    public void Dispose() => _folder.Dispose();

    private static string Refused(string path, int? rank = null, int? alpha = null)
    {
        string message = Assert.Throws<AdapterException>(() => LoraVitFile.Read(path, rank, alpha)).Message;
        Assert.StartsWith(Path.GetFileName(path), message, StringComparison.Ordinal);
        return message;
    }

    // Two layers of width 8, three classes.
    private Dictionary<string, (long[] Shape, float[] Values)> Tensors(int rank)
    {
        Dictionary<string, (long[], float[])> tensors = [];
        for (int i = 0; i < 4; i++)
        {
            tensors[$"w_a_00{i}"] = ([rank, 8], RandomAdapters.Values(_random, rank * 8));
            tensors[$"w_b_00{i}"] = ([8, rank], RandomAdapters.Values(_random, rank * 8));
        }
        tensors["fc_8in_3out"] = ([3, 8], RandomAdapters.Values(_random, 24));
        return tensors;
    }

    private string Write(string name, Dictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        string path = _folder[name];
        File.WriteAllBytes(path, SafetensorsWriter.ToBytes([.. tensors.Select(t => TensorSource.FromSingles(t.Key, t.Value.Shape, t.Value.Values))]));
        return path;
    }
}
