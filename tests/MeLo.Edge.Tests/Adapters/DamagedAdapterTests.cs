using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Adapters;

/// <summary>Thousands of small damages: each file is read or refused by name, and nothing else ever happens.</summary>
public sealed class DamagedAdapterTests : IDisposable
{
    private const int Rounds = 600;
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void DamagedLoraVitFile_IsReadOrRefused()
    {
        string path = _folder["x_2_2.safetensors"];
        byte[] whole = LoraVitBytes();
        File.WriteAllBytes(path, whole);
        Assert.Equal(2, LoraVitFile.Read(path).Adapter.Rank);
        AssertContained(path, whole, () => LoraVitFile.Read(path));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void DamagedPeftFolder_IsReadOrRefused(string damaged)
    {
        File.WriteAllText(_folder["adapter_config.json"], """
            {"peft_type":"LORA","r":2,"lora_alpha":4,"bias":"none","target_modules":["query"],"rank_pattern":{"layer.0.attention.attention.query":2},"alpha_pattern":{},"init_lora_weights":true}
            """);
        File.WriteAllBytes(_folder["adapter_model.safetensors"], PeftBytes());
        Assert.Equal(2, PeftFolder.Read(_folder.Root).Adapter.Rank);
        string path = _folder[damaged];
        AssertContained(path, File.ReadAllBytes(path), () => PeftFolder.Read(_folder.Root));
    }

    public void Dispose() => _folder.Dispose();

    // Damage the part that is parsed: the front of the file, where headers and JSON are.
    private static void AssertContained(string path, byte[] whole, Action read)
    {
        Random random = new(17);
        int refused = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = [.. whole];
            for (int flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(Math.Min(bytes.Length, 700))] = Damage(random);
            if (random.Next(10) == 0) bytes = bytes[..random.Next(bytes.Length)];
            File.WriteAllBytes(path, bytes);
            try
            {
                read();
            }
            catch (MeLoException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }
        Assert.InRange(refused, Rounds / 3, Rounds);
    }

    // Half of it JSON's own characters and digits, which do the most harm.
    private static byte Damage(Random random) => random.Next(2) == 0 ? (byte)random.Next(256) : "0123456789[]{}:,\"-.eE"u8[random.Next(21)];

    private static byte[] LoraVitBytes()
    {
        Random random = new(1);
        List<TensorSource> tensors = [];
        for (int i = 0; i < 4; i++)
        {
            tensors.Add(TensorSource.FromSingles($"w_a_00{i}", [2, 4], RandomAdapters.Values(random, 8)));
            tensors.Add(TensorSource.FromSingles($"w_b_00{i}", [4, 2], RandomAdapters.Values(random, 8)));
        }
        tensors.Add(TensorSource.FromSingles("fc_4in_3out", [3, 4], RandomAdapters.Values(random, 12)));
        return SafetensorsWriter.ToBytes(tensors);
    }

    private static byte[] PeftBytes()
    {
        Random random = new(2);
        const string module = "base_model.model.vit.encoder.layer.0.attention.attention.query";
        return SafetensorsWriter.ToBytes(
        [
            TensorSource.FromSingles($"{module}.lora_A.weight", [2, 4], RandomAdapters.Values(random, 8)),
            TensorSource.FromSingles($"{module}.lora_B.weight", [4, 2], RandomAdapters.Values(random, 8)),
            TensorSource.FromSingles("base_model.model.classifier.weight", [3, 4], RandomAdapters.Values(random, 12)),
            TensorSource.FromSingles("base_model.model.classifier.bias", [3], RandomAdapters.Values(random, 3)),
        ]);
    }
}
