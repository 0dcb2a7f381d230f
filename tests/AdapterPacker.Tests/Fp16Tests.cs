using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

/// <summary>A base with an fp16 graph, from import to the device's side: what <c>pack</c> measures, what the others show of it.</summary>
public sealed class Fp16Tests(Workbench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tolerance_IsMeasured_AndTheBundleVerifiedCheckedAndShownByIt()
    {
        string bundle = _folder["b.melo"];
        ProgramResult packed = Packer.Run("pack", "--base", bench.Fp16Base, "--adapter", bench.Adapter, "--task", "lesion", "--labels", Workbench.Labels, "--key", bench.Key, "--out", bundle);
        Assert.Equal((0, ""), (packed.ExitCode, packed.Error));
        BundleContents contents = Bundle.OpenUnverified(bundle);
        float[] fp16 = PrecisionRuns.Logits(bench.Fp16Base, Precision.Fp16, contents, contents.Probe.PixelValues);
        double ratio = PrecisionRuns.Ratio(contents.Probe.Logits, fp16);
        Assert.InRange(ratio, 1e-6, 0.0075);
        Assert.Equal(Math.Max(0.05, 20 * ratio), contents.Description.Tolerance.Fp16!.Value, 1e-9);
        Assert.Equal((null, null), (contents.Description.Tolerance.Int8, contents.Description.Precision));
        Assert.Contains("fp16: probe differs by ", packed.Output, StringComparison.Ordinal);
        Assert.Contains("int8: not measured, the base has no int8 graph; devices that run it refuse this bundle, unless it is packed with --precision fp32", packed.Output, StringComparison.Ordinal);

        Assert.Contains($"precision     fp32, or fp16 with tolerance {FormattableString.Invariant($"{contents.Description.Tolerance.Fp16}")}; refused in int8", Packer.Done("inspect", bundle), StringComparison.Ordinal);
        float[] pixels = new RandomVit(17).Values(4 * 3 * RandomVit.ImageSize * RandomVit.ImageSize, 1);
        string reference = RandomVit.WriteReference(_folder["ref.safetensors"], pixels, PrecisionRuns.Logits(bench.Fp16Base, Precision.Fp32, contents, pixels));
        using JsonDocument check = JsonDocument.Parse(Packer.Done("check", bundle, "--base", bench.Fp16Base, "--reference", reference, "--precision", "fp16", "--json"));
        Assert.Equal(("fp16", contents.Description.Tolerance.Fp16), (check.RootElement.GetProperty("precision").GetString(), check.RootElement.GetProperty("tolerance").GetDouble()));
        Assert.InRange(check.RootElement.GetProperty("ratio").GetDouble(), 1e-6, 0.0075);
        Assert.InRange(check.RootElement.GetProperty("fp32").GetProperty("ratio").GetDouble(), 0, 1e-5);
        string[] unmeasured = ["check", bench.Bundle, "--base", bench.Fp16Base, "--reference", reference, "--precision", "fp16"];
        Packer.Refused("found no tolerance for fp16 in the bundle", unmeasured);
        Assert.Equal(["fp32", "fp16"], Packer.Done([.. unmeasured, "--tolerance", "1"]).ReplaceLineEndings("\n").Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void BaseOfFp16Alone_IsEnoughForADevice_ButNotForPack()
    {
        string alone = Path.Combine(_folder.Root, "base"), bundle = _folder["b.melo"];
        Assert.Contains("graphs: fp16", Packer.Done("base", "import", bench.Checkpoint, "--out", alone, "--heads", "2", "--precision", "fp16"), StringComparison.Ordinal);
        string[] pack = ["pack", "--adapter", bench.Adapter, "--task", "lesion", "--labels", Workbench.Labels, "--key", bench.Key, "--out", bundle, "--base"];
        Packer.Refused("found a base without an fp32 graph", [.. pack, alone]);
        Packer.Done([.. pack, bench.Fp16Base]);
        Assert.EndsWith(" in fp16", Packer.Done("verify", bundle, "--trust", bench.PublicKey, "--base", alone).TrimEnd(), StringComparison.Ordinal);
        Packer.Refused("found no tolerance for fp16", "verify", bench.Bundle, "--trust", bench.PublicKey, "--base", alone);
    }

    [Fact]
    public async Task TaskThatFp16Damages_DemandsFp32_WithAWarning()
    {
        // A head bias that cancels the probe's logits: what is left of them is what fp16 changes, as large as the head.
        RandomVit vit = new(8);
        for (int i = 0; i < vit.Head.Length; i++) vit.Head[i] *= 1000;
        string adapter = vit.WriteLoraVit(_folder["cancelled_4_4.safetensors"]), bias = _folder["bias.safetensors"];
        await PackAsync("plain.melo", adapter);
        float[] logits = Bundle.OpenUnverified(_folder["plain.melo"]).Probe.Logits;
        RandomVit.Write(bias, new Dictionary<string, (long[], float[])> { ["fc.bias"] = ([logits.Length], [.. logits.Select(l => -l)]) });
        ProgramResult damaged = await PackAsync("damaged.melo", adapter, "--head-bias", bias);
        Assert.Equal(ToolProgram.Done, damaged.ExitCode);
        Assert.StartsWith("warning: fp16 damages this task: the probe's logits differ", Assert.Single(damaged.ErrorLines), StringComparison.Ordinal);
        AdapterDescription description = Bundle.OpenUnverified(_folder["damaged.melo"]).Description;
        Assert.Equal((Precision.Fp32, null), (description.Precision, description.Tolerance.Fp16));
        Assert.DoesNotContain("unless it is packed", damaged.Output, StringComparison.Ordinal); // it demands fp32 already
    }

    [Fact]
    public async Task ReferenceSet_IsMeasuredInFp16Too()
    {
        float[] pixels = new RandomVit(3).Values(8 * 3 * RandomVit.ImageSize * RandomVit.ImageSize, 1);
        ProgramResult result = await PackAsync("b.melo", bench.Adapter, "--reference", RandomVit.WriteReference(_folder["set.safetensors"], pixels));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("top-1 8 of 8", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelBeyondWhatFp16Holds_IsRefused_AndNothingIsLeft()
    {
        RandomVit vit = new(1);
        vit.Tensors["blocks.1.mlp.fc2.weight"].Values[7] = 1e6f;
        string checkpoint = vit.WriteCheckpoint(_folder["large.safetensors"]), target = Path.Combine(_folder.Root, "base");
        Packer.Refused("expected at most 65504 in magnitude", "base", "import", checkpoint, "--out", target, "--heads", "2", "--precision", "fp32,fp16");
        Assert.False(Path.Exists(target));
    }

    private Task<ProgramResult> PackAsync(string bundle, string adapter, params string[] more) => Packer.RunHereAsync(
        ["pack", "--base", bench.Fp16Base, "--adapter", adapter, "--task", "lesion", "--labels", Workbench.Labels, "--unsigned", "--out", _folder[bundle], .. more]);
}
