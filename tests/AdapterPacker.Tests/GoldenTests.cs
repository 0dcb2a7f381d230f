using System.Text.Json;

namespace AdapterPacker.Tests;

/// <summary>From the files of the real PyTorch code to a signed bundle whose logits are those of the real PyTorch code.</summary>
public sealed class GoldenTests : IDisposable
{
    private const double Tolerance = 1e-4;
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Micro_GivesPyTorchsLogits()
    {
        string package = Import(SharedData.Golden("micro", "base.safetensors"), "--heads", "4");
        Prove("micro", package, "tb_micro_lora", "tb_micro_lora_4_4.safetensors", classes: 2, inputs: 4);
        Prove("micro", package, "blood_micro_lora", "blood_micro_lora_4_8.safetensors", classes: 5, inputs: 4);
        Prove("micro", package, "chest_micro_lora", "chest_micro_lora_8_8.safetensors", classes: 14, inputs: 4);
    }

    [Fact]
    public void PretrainedViTTiny_GivesPyTorchsLogits()
    {
        string package = Import(SharedData.Data("models", "vit_tiny_patch16_224.safetensors"));
        Prove("tiny", package, "tb_tiny_lora", "tb_tiny_lora_4_4.safetensors", classes: 2, inputs: 2);
        Prove("tiny", package, "blood_tiny_lora", "blood_tiny_lora_4_4.safetensors", classes: 8, inputs: 2);
    }

    [Fact]
    public void HuggingFaceModelWithPeftAdapter_GivesPyTorchsLogits_FromKeygenToCheck()
    {
        string package = Import(SharedData.Golden("hf_micro"));
        string keys = Path.Combine(_folder.Root, "keys");
        Packer.Done("keygen", "--out", keys);
        string bundle = Prove("hf_micro", package, "peft", "peft", classes: 7, inputs: 3, "--key", Path.Combine(keys, "signing.key.pem"));
        Packer.Done("verify", bundle, "--trust", Path.Combine(keys, "signing.pub.pem"), "--base", package);
        using JsonDocument inspected = JsonDocument.Parse(Packer.Done("inspect", bundle, "--json"));
        Assert.Equal("peft", inspected.RootElement.GetProperty("description").GetProperty("task").GetString());
        string reference = SharedData.Golden("hf_micro", "expected.safetensors");
        Assert.Contains("top-1 agreement     3 of 3", Packer.Done("check", bundle, "--base", package, "--reference", reference), StringComparison.Ordinal);
        // Where it ran is said, and is never another place than the one that was asked for.
        Assert.Contains("provider            cpu (asked for)", Packer.Done("check", bundle, "--base", package, "--reference", reference), StringComparison.Ordinal);
        Assert.Matches("provider            (cuda|directml|webgpu|cpu) \\(chosen", Packer.Done("check", bundle, "--base", package, "--reference", reference, "--tolerance", "1e-3", "--provider", "auto"));
        string elsewhere = OperatingSystem.IsWindows() ? "cuda" : "directml";
        ProgramResult refused = Packer.Run("check", bundle, "--base", package, "--reference", reference, "--provider", elsewhere);
        Assert.Equal(8, refused.ExitCode); // as of the service; not what a difference beyond the tolerance gives
        Assert.StartsWith($"error: provider {elsewhere}: found ", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Packer.Done("check", bundle, "--base", package, "--reference", reference, "--provider", "CPU");
        // The check can fail: nothing is that close.
        Packer.Refused("differ from the reference", "check", bundle, "--base", package, "--reference", reference, "--tolerance", "1e-12");
    }

    [Fact]
    public void EarlySaveAndHeadlessAdapter_AreRefusedWithTheirReasons()
    {
        string early = SharedData.Data("adapters", "lora_vit_early_save_a_only.safetensors"), headless = SharedData.Data("adapters", "sam_vit_b_lora_rank4_nohead.safetensors");
        string package = Path.Combine(_folder.Root, "base"), bundle = _folder["b.melo"];
        Import(SharedData.Golden("micro", "base.safetensors"), "--heads", "4");
        Packer.Refused("no w_b_", "pack", "--base", package, "--adapter", early, "--task", "t", "--labels", "a,b", "--unsigned", "--out", bundle);
        Packer.Refused("found no head", "pack", "--base", package, "--adapter", headless, "--task", "t", "--labels", "a,b", "--unsigned", "--out", bundle);
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    public void Dispose() => _folder.Dispose();

    private string Import(string checkpoint, params string[] more)
    {
        string package = Path.Combine(_folder.Root, "base");
        Packer.Done(["base", "import", checkpoint, "--out", package, .. more]);
        return package;
    }

    private string Prove(string set, string package, string task, string adapter, int classes, int inputs, params string[] signing)
    {
        string bundle = _folder[$"{task}.melo"], labels = string.Join(',', Enumerable.Range(0, classes).Select(i => $"class{i}"));
        Packer.Done(["pack", "--base", package, "--adapter", SharedData.Golden(set, adapter), "--task", task, "--labels", labels, "--out", bundle, .. signing.Length > 0 ? signing : ["--unsigned"]]);
        using JsonDocument check = JsonDocument.Parse(Packer.Done("check", bundle, "--base", package, "--reference", SharedData.Golden(set, "expected.safetensors"), "--json"));
        JsonElement report = check.RootElement;
        Assert.InRange(report.GetProperty("ratio").GetDouble(), 0, Tolerance);
        Assert.Equal((inputs, inputs, classes), (report.GetProperty("inputs").GetInt32(), report.GetProperty("top1Agreeing").GetInt32(), report.GetProperty("classes").GetInt32()));
        Assert.True(report.GetProperty("passed").GetBoolean());
        return bundle;
    }
}
