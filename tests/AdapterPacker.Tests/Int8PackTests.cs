using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

/// <summary><c>pack</c> measures int8 where the base has it, and the bundle says what came of it.</summary>
public sealed class Int8PackTests(Workbench bench) : IDisposable
{
    private const string Warning = "warning: int8 damages this task: ";
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void BaseWithoutInt8_GivesNoTolerance_AndSaysSo()
    {
        string output = Packer.Done(bench.Pack(_folder["b.melo"], "--unsigned"));
        Assert.Contains("int8: not measured, the base has no int8 graph; devices that run it refuse this bundle, unless it is packed with --precision fp32", output, StringComparison.Ordinal);
        AdapterDescription description = Bundle.OpenUnverified(_folder["b.melo"]).Description;
        Assert.Equal((null, null), (description.Tolerance.Int8, description.Precision)); // nothing was measured, so nothing is demanded
        string reference = RandomVit.WriteReference(_folder["set.safetensors"], Near(1, 0.5f, 2));
        Packer.Refused("found no graph but fp32", bench.Pack(_folder["c.melo"], "--unsigned", "--reference", reference));
        Assert.False(File.Exists(_folder["c.melo"]));
    }

    [Fact]
    public async Task Tolerance_IsTwiceTheProbesDifference()
    {
        ProgramResult result = await PackAsync("b.melo", bench.Adapter);
        BundleContents contents = Bundle.OpenUnverified(_folder["b.melo"]);
        float[] int8 = PrecisionRuns.Logits(bench.Int8Base, Precision.Int8, contents, contents.Probe.PixelValues);
        double ratio = PrecisionRuns.Ratio(contents.Probe.Logits, int8);
        Assert.InRange(ratio, 1e-6, 0.075);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Null(contents.Description.Precision);
        Assert.Equal(Math.Max(0.06, 2 * ratio), contents.Description.Tolerance.Int8!.Value, 1e-9);
        Assert.Contains("int8: probe differs by ", result.Output, StringComparison.Ordinal);
        Assert.Contains("; no reference set", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProbeThatInt8Damages_GivesNoTolerance_AndAWarning_AndDemandsFp32()
    {
        (string adapter, string bias) = await CancelledAsync(headScale: 100);
        ProgramResult result = await PackAsync("damaged.melo", adapter, "--head-bias", bias);
        Assert.Equal(ToolProgram.Done, result.ExitCode);
        string line = Assert.Single(result.ErrorLines);
        Assert.StartsWith(Warning + "the probe's logits differ", line, StringComparison.Ordinal);
        Assert.Contains("demands fp32, as with --precision fp32", line, StringComparison.Ordinal);
        Assert.Contains("tolerance none", result.Output, StringComparison.Ordinal);
        AssertDemanding("damaged.melo", null);
        // As a process, the same line on stderr.
        ProgramResult process = Packer.Run(Arguments("again.melo", adapter, "--head-bias", bias));
        Assert.Equal((0, line), (process.ExitCode, Assert.Single(process.ErrorLines)));
    }

    [Fact]
    public async Task ReferenceSetThatInt8Changes_GivesNoTolerance_ThoughTheProbeIsFine()
    {
        // Logits of almost 0 around the probe: close in every figure but which is the largest.
        (string adapter, string bias) = await CancelledAsync(headScale: 0.01f);
        Assert.Equal("", (await PackAsync("alone.melo", adapter, "--head-bias", bias)).Error);
        BundleContents alone = Bundle.OpenUnverified(_folder["alone.melo"]);
        Assert.Equal(0.06, alone.Description.Tolerance.Int8);
        float[] pixels = Near(5, 0.02f, 64, alone.Probe.PixelValues);
        string reference = RandomVit.WriteReference(_folder["set.safetensors"], pixels);
        ProgramResult result = await PackAsync("damaged.melo", adapter, "--head-bias", bias, "--reference", reference);
        float[] fp32 = PrecisionRuns.Logits(bench.Int8Base, Precision.Fp32, alone, pixels), int8 = PrecisionRuns.Logits(bench.Int8Base, Precision.Int8, alone, pixels);
        int agreeing = fp32.Chunk(RandomVit.Classes).Zip(int8.Chunk(RandomVit.Classes)).Count(p => Array.IndexOf(p.First, p.First.Max()) == Array.IndexOf(p.Second, p.Second.Max()));
        Assert.InRange(agreeing, 0, 63);
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith($"{Warning}{agreeing} of 64 reference inputs keep their top-1 class", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Contains($"top-1 {agreeing} of 64", result.Output, StringComparison.Ordinal);
        AssertDemanding("damaged.melo", null);
    }

    [Fact]
    public async Task ReferenceSetThatInt8Keeps_GivesTwiceTheLargerDifferenceOfSetAndProbe()
    {
        await PackAsync("a.melo", bench.Adapter);
        BundleContents alone = Bundle.OpenUnverified(_folder["a.melo"]);
        float[] pixels = Near(5, 0.001f, 8, alone.Probe.PixelValues);
        string reference = RandomVit.WriteReference(_folder["set.safetensors"], pixels);
        ProgramResult result = await PackAsync("b.melo", bench.Adapter, "--reference", reference);
        Assert.Equal("", result.Error);
        Assert.Contains("top-1 8 of 8", result.Output, StringComparison.Ordinal);
        float[] fp32 = PrecisionRuns.Logits(bench.Int8Base, Precision.Fp32, alone, pixels), int8 = PrecisionRuns.Logits(bench.Int8Base, Precision.Int8, alone, pixels);
        double larger = Math.Max(2 * PrecisionRuns.Ratio(fp32, int8), alone.Description.Tolerance.Int8!.Value);
        Assert.Equal(larger, Bundle.OpenUnverified(_folder["b.melo"]).Description.Tolerance.Int8!.Value, 1e-9);
    }

    [Fact]
    public async Task ReferenceThatDoesNotFit_IsRefused_AndNothingIsWritten()
    {
        string other = RandomVit.Write(_folder["other.safetensors"], new Dictionary<string, (long[], float[])> { ["pixel_values"] = ([1, 3, 8, 8], new float[192]) });
        string none = RandomVit.Write(_folder["none.safetensors"], new Dictionary<string, (long[], float[])> { ["pixels"] = ([1, 3, 16, 16], new float[768]) });
        foreach ((string file, string reason) in ((string, string)[])[(other, "16"), (none, "pixel_values"), (_folder["absent.safetensors"], "absent.safetensors")])
        {
            ProgramResult result = await PackAsync("b.melo", bench.Adapter, "--reference", file);
            Assert.Equal(ToolProgram.Refused, result.ExitCode);
            Assert.Contains(reason, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
            Assert.False(File.Exists(_folder["b.melo"]));
        }
    }

    [Fact]
    public async Task PrecisionThatIsAskedFor_IsDemanded_WithoutAWarning_WhetherInt8WasMeasuredOrNot()
    {
        await PackAsync("plain.melo", bench.Adapter);
        ProgramResult measured = await PackAsync("asked.melo", bench.Adapter, "--precision", "fp32");
        Assert.Equal((0, ""), (measured.ExitCode, measured.Error));
        Assert.Contains("demands fp32: devices that run another precision run it on their fp32 graph, or refuse it", measured.Output, StringComparison.Ordinal);
        AssertDemanding("asked.melo", Bundle.OpenUnverified(_folder["plain.melo"]).Description.Tolerance.Int8);
        (string adapter, string bias) = await CancelledAsync(headScale: 100);
        ProgramResult damaged = await PackAsync("damaged.melo", adapter, "--head-bias", bias, "--precision", "fp32");
        Assert.Equal((0, ""), (damaged.ExitCode, damaged.Error));
        AssertDemanding("damaged.melo", null);
        string without = Packer.Done(bench.Pack(_folder["without.melo"], "--unsigned", "--precision", "fp32"));
        Assert.DoesNotContain("unless it is packed", without, StringComparison.Ordinal);
        AssertDemanding("without.melo", null);
        // Signed, and run once more on the finished file, as every bundle is.
        Packer.Done(bench.Pack(_folder["signed.melo"], "--key", bench.Key, "--precision", "fp32"));
        Assert.Contains("probe difference", Packer.Done("verify", _folder["signed.melo"], "--trust", bench.PublicKey, "--base", bench.Int8Base), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("FP32")]
    public async Task PrecisionThatCannotBeDemanded_IsWrongUsage(string precision)
    {
        ProgramResult result = await PackAsync("b.melo", bench.Adapter, "--precision", precision);
        Assert.Equal(ToolProgram.WrongUsage, result.ExitCode);
        Assert.Contains("fp32", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["b.melo"]));
    }

    // The runtime's own switch hides the vector instructions from the program: for it, a processor of before VNNI.
    [Fact]
    public async Task ProcessorWithoutDotProducts_MeasuresWhatThisOneDoes()
    {
        Assert.SkipUnless(X86Base.IsSupported, "needs an x64 processor");
        ProgramResult there = Packer.RunWithout("AVX2", Arguments("there.melo", bench.Adapter)), here = await PackAsync("here.melo", bench.Adapter);
        Assert.Equal((0, "", 0), (there.ExitCode, there.Error, here.ExitCode));
        double expected = Bundle.OpenUnverified(_folder["here.melo"]).Description.Tolerance.Int8!.Value;
        // Products of bytes are the same to the bit; the binary32 between them is rounded in another order.
        Assert.Equal(expected, Bundle.OpenUnverified(_folder["there.melo"]).Description.Tolerance.Int8!.Value, 0.01);
    }

    public void Dispose() => _folder.Dispose();

    private void AssertDemanding(string bundle, double? int8)
    {
        AdapterDescription description = Bundle.OpenUnverified(_folder[bundle]).Description;
        Assert.Equal((Precision.Fp32, int8), (description.Precision, description.Tolerance.Int8));
    }

    // An adapter whose head bias cancels the probe's logits: what is left of them is what int8 changes, as large as the head.
    private async Task<(string Adapter, string Bias)> CancelledAsync(float headScale)
    {
        RandomVit vit = new(8);
        for (int i = 0; i < vit.Head.Length; i++) vit.Head[i] *= headScale;
        string adapter = vit.WriteLoraVit(_folder["cancelled_4_4.safetensors"]), bias = _folder["bias.safetensors"];
        await PackAsync("plain.melo", adapter);
        float[] logits = Bundle.OpenUnverified(_folder["plain.melo"]).Probe.Logits;
        RandomVit.Write(bias, new Dictionary<string, (long[], float[])> { ["fc.bias"] = ([logits.Length], [.. logits.Select(l => -l)]) });
        return (adapter, bias);
    }

    // Pictures around one, or around grey.
    private static float[] Near(int seed, float spread, int inputs, float[]? picture = null)
    {
        Random random = new(seed);
        picture ??= new float[3 * RandomVit.ImageSize * RandomVit.ImageSize];
        return [.. Enumerable.Range(0, inputs).SelectMany(_ => picture.Select(p => p + (((2 * random.NextSingle()) - 1) * spread)))];
    }

    private string[] Arguments(string bundle, string adapter, params string[] more) =>
        ["pack", "--base", bench.Int8Base, "--adapter", adapter, "--task", "lesion", "--labels", Workbench.Labels, "--unsigned", "--out", _folder[bundle], .. more];

    private Task<ProgramResult> PackAsync(string bundle, string adapter, params string[] more) => Packer.RunHereAsync(Arguments(bundle, adapter, more));
}
