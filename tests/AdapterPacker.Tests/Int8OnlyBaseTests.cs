using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

/// <summary>A base imported with <c>--precision int8</c> alone: enough for a device, and for what looks at a device's base.</summary>
public sealed class Int8OnlyBaseTests : IDisposable
{
    private readonly Workbench _bench;
    private readonly TemporaryFolder _folder = new();

    public Int8OnlyBaseTests(Workbench bench)
    {
        _bench = bench;
        Packer.Done("base", "import", bench.Checkpoint, "--out", Base, "--heads", "2", "--precision", "int8");
        Packer.Done("pack", "--base", bench.Int8Base, "--adapter", bench.Adapter, "--task", "lesion", "--labels", Workbench.Labels, "--key", bench.Key, "--out", Measured);
    }

    private string Base => Path.Combine(_folder.Root, "base");

    private string Measured => _folder["measured.melo"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Verify_RunsTheProbeInTheOnlyPrecision_AndInFp32WhereThereAreBoth()
    {
        string[] verify = ["verify", Measured, "--trust", _bench.PublicKey, "--base"];
        Assert.EndsWith(" in int8", Packer.Done([.. verify, Base]).TrimEnd(), StringComparison.Ordinal);
        Assert.EndsWith(" in fp32", Packer.Done([.. verify, _bench.Int8Base]).TrimEnd(), StringComparison.Ordinal);
        Packer.Refused("found no tolerance for int8", "verify", _bench.Bundle, "--trust", _bench.PublicKey, "--base", Base);
    }

    [Fact]
    public void Check_ShowsInt8Alone()
    {
        float[] pixels = new RandomVit(3).Values(2 * 3 * RandomVit.ImageSize * RandomVit.ImageSize, 1);
        float[] logits = PrecisionRuns.Logits(_bench.Int8Base, Precision.Fp32, Bundle.OpenUnverified(Measured), pixels);
        string[] check = ["check", Measured, "--reference", RandomVit.WriteReference(_folder["ref.safetensors"], pixels, logits), "--precision", "int8", "--tolerance", "1", "--base"];
        string[] both = Rows(Packer.Done([.. check, _bench.Int8Base])), alone = Rows(Packer.Done([.. check, Base]));
        Assert.Equal((2, 1), (both.Length, alone.Length));
        Assert.Equal(both[1], alone[0]);

        static string[] Rows(string output) =>
            output.Split('\n').Single(l => l.StartsWith("mean difference", StringComparison.Ordinal))["mean difference".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    [Fact]
    public void Pack_NeedsFp32_AndSaysSo()
    {
        Packer.Refused("found a base without an fp32 graph", "pack", "--base", Base, "--adapter", _bench.Adapter, "--task", "lesion", "--labels", Workbench.Labels, "--unsigned", "--out", _folder["b.melo"]);
        Assert.False(File.Exists(_folder["b.melo"]));
    }
}
