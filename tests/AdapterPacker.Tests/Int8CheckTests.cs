using System.Globalization;
using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

/// <summary><c>check --precision int8</c>: both precisions side by side.</summary>
public sealed class Int8CheckTests(Workbench bench) : IDisposable
{
    private const int Inputs = 12;
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Table_HasBothPrecisionsSideBySide()
    {
        (string bundle, string reference, _, _) = Prepare(Labels());
        string[] lines = Packer.Run("check", bundle, "--base", bench.Int8Base, "--reference", reference, "--precision", "int8", "--tolerance", "1").Output.ReplaceLineEndings("\n").Split('\n');
        Assert.Equal(["fp32", "int8"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        foreach (string row in (string[])["largest difference", "mean difference", "largest reference", "smallest cosine", "accuracy", "AUC"])
        {
            string[] values = lines.Single(l => l.StartsWith(row, StringComparison.Ordinal))[row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(2, values.Length);
            Assert.All(values, v => Assert.True(double.TryParse(v, CultureInfo.InvariantCulture, out _), v));
        }
        Assert.Contains(lines, l => l.StartsWith("ratio", StringComparison.Ordinal) && l.EndsWith("(tolerance 1)", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith($"top-1 agreement     {Inputs} of {Inputs}", StringComparison.Ordinal));

        // In fp32 alone there is one column, without a heading.
        string alone = Packer.Done("check", bundle, "--base", bench.Int8Base, "--reference", reference);
        Assert.DoesNotContain("int8", alone, StringComparison.Ordinal);
        Assert.Contains("accuracy", alone, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_HasTheFiguresOfBoth()
    {
        long[] labels = Labels();
        (string bundle, string reference, float[] fp32, float[] int8) = Prepare(labels);
        using JsonDocument document = JsonDocument.Parse(Packer.Run("check", bundle, "--base", bench.Int8Base, "--reference", reference, "--precision", "int8", "--tolerance", "1", "--json").Output);
        JsonElement report = document.RootElement, exact = report.GetProperty("fp32");
        Assert.Equal(("int8", Inputs, RandomVit.Classes, 1.0), (report.GetProperty("precision").GetString(), report.GetProperty("inputs").GetInt32(), report.GetProperty("classes").GetInt32(), report.GetProperty("tolerance").GetDouble()));
        Assert.True(report.GetProperty("passed").GetBoolean());
        AssertFigures(report, fp32, int8, labels);
        AssertFigures(exact, fp32, fp32, labels);
        Assert.True(report.GetProperty("meanDifference").GetDouble() > exact.GetProperty("meanDifference").GetDouble());
        Assert.InRange(report.GetProperty("smallestCosine").GetDouble(), 0.5, 0.9999999);
    }

    [Fact]
    public void WithoutLabels_ThereIsNoAccuracy_AndWithOneClassOnlyNoAuc()
    {
        (string bundle, string reference, _, _) = Prepare();
        using JsonDocument without = Json(bundle, reference);
        Assert.False(without.RootElement.TryGetProperty("accuracy", out _));
        Assert.False(without.RootElement.TryGetProperty("auc", out _));
        Assert.False(without.RootElement.TryGetProperty("int8", out _));
        (bundle, reference, _, _) = Prepare([.. Enumerable.Repeat(1L, Inputs)]);
        using JsonDocument one = Json(bundle, reference);
        Assert.Equal(JsonValueKind.Number, one.RootElement.GetProperty("accuracy").ValueKind);
        Assert.Equal(JsonValueKind.Null, one.RootElement.GetProperty("auc").ValueKind);

        JsonDocument Json(string file, string set) => JsonDocument.Parse(Packer.Done("check", file, "--base", bench.Int8Base, "--reference", set, "--json"));
    }

    [Fact]
    public void BundlesOwnTolerance_IsTheBound_AndABundleWithoutOneNeedsTheOption()
    {
        (string bundle, string reference, _, _) = Prepare();
        double own = Bundle.OpenUnverified(bundle).Description.Tolerance.Int8!.Value;
        ProgramResult result = Packer.Run("check", bundle, "--base", bench.Int8Base, "--reference", reference, "--precision", "int8", "--json");
        using JsonDocument document = JsonDocument.Parse(result.Output);
        Assert.Equal(own, document.RootElement.GetProperty("tolerance").GetDouble());
        Assert.Equal(document.RootElement.GetProperty("ratio").GetDouble() <= own, result.ExitCode == 0);

        string[] unmeasured = ["check", bench.Bundle, "--base", bench.Int8Base, "--reference", reference, "--precision", "int8"];
        Packer.Refused("found no tolerance for int8", unmeasured);
        Packer.Done([.. unmeasured, "--tolerance", "1"]);
        Packer.Refused("differ from the reference", [.. unmeasured, "--tolerance", "1e-9"]);
        Packer.Refused("int8", "check", bundle, "--base", bench.Base, "--reference", reference, "--precision", "int8");
    }

    [Theory]
    [InlineData("found 3, expected 0 to 2")]
    [InlineData("found -1, expected 0 to 2")]
    [InlineData("found I64 [11], expected I64 [12]")]
    [InlineData("found F32 [12], expected I64 [12]")]
    public void LabelsThatDoNotFit_AreRefused(string reason)
    {
        long[] labels = Labels();
        if (reason.StartsWith("found 3", StringComparison.Ordinal)) labels[^1] = 3;
        if (reason.StartsWith("found -1", StringComparison.Ordinal)) labels[0] = -1;
        if (reason.Contains("[11]", StringComparison.Ordinal)) labels = labels[..11];
        float[] pixels = Pixels(), logits = new float[Inputs * RandomVit.Classes];
        string reference = reason.Contains("F32", StringComparison.Ordinal)
            ? RandomVit.Write(_folder["ref.safetensors"], new Dictionary<string, (long[], float[])>
            {
                ["pixel_values"] = ([Inputs, 3, RandomVit.ImageSize, RandomVit.ImageSize], pixels), ["logits"] = ([Inputs, RandomVit.Classes], logits), ["labels"] = ([Inputs], new float[Inputs]),
            })
            : RandomVit.WriteReference(_folder["ref.safetensors"], pixels, logits, labels);
        Packer.Refused($"tensor 'labels': {reason}", "check", bench.Bundle, "--base", bench.Base, "--reference", reference);
    }

    [Fact]
    public void BundleThatDemandsFp32_IsComparedInInt8_ButTheReportSaysThatNoDeviceRunsItSo()
    {
        (string bundle, string reference, _, _) = Prepare();
        string[] check = ["check", bundle, "--base", bench.Int8Base, "--reference", reference, "--precision", "int8", "--tolerance", "1"];
        Assert.DoesNotContain("demands", Packer.Done(check), StringComparison.Ordinal);
        using (JsonDocument report = JsonDocument.Parse(Packer.Done([.. check, "--json"])))
            Assert.Equal(JsonValueKind.Null, report.RootElement.GetProperty("demandedPrecision").ValueKind);

        Demand(bundle, int8Tolerance: null);
        Assert.Contains("the bundle demands fp32: no device runs it in int8", Packer.Done(check), StringComparison.Ordinal);
        Assert.DoesNotContain("demands", Packer.Done("check", bundle, "--base", bench.Int8Base, "--reference", reference), StringComparison.Ordinal);
        using (JsonDocument report = JsonDocument.Parse(Packer.Done([.. check, "--json"])))
            Assert.Equal(("int8", "fp32"), (report.RootElement.GetProperty("precision").GetString(), report.RootElement.GetProperty("demandedPrecision").GetString()));
        Packer.Refused("found a bundle that demands fp32: no device runs it in int8; expected --tolerance", check[..^2]);
        Demand(bundle, int8Tolerance: 1);
        Assert.Contains("the bundle demands fp32: no device runs it in int8", Packer.Done(check[..^2]), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void Demand(string path, double? int8Tolerance)
    {
        BundleContents made = Bundle.OpenUnverified(path);
        File.WriteAllBytes(path, BundleWriter.Write(
            made.Description with { Precision = Precision.Fp32, Tolerance = made.Description.Tolerance with { Int8 = int8Tolerance } }, made.Adapter, made.Probe, preview: null, key: null));
    }

    private static void AssertFigures(JsonElement report, float[] expected, float[] found, long[] labels)
    {
        // fp32 twice on one machine may differ in the last bits only.
        Assert.Equal(expected.Zip(found, (a, b) => Math.Abs((double)a - b)).Max(), report.GetProperty("largestDifference").GetDouble(), 1e-5);
        Assert.Equal(expected.Zip(found, (a, b) => Math.Abs((double)a - b)).Average(), report.GetProperty("meanDifference").GetDouble(), 1e-5);
        Assert.Equal(PrecisionRuns.Ratio(expected, found), report.GetProperty("ratio").GetDouble(), 1e-5);
        double right = found.Chunk(RandomVit.Classes).Zip(labels).Count(p => Array.IndexOf(p.First, p.First.Max()) == p.Second);
        Assert.Equal(right / Inputs, report.GetProperty("accuracy").GetDouble(), 1e-12);
        Assert.Equal(LabelScores.MeanAuc(found, [.. labels.Select(l => (int)l)], RandomVit.Classes), report.GetProperty("auc").GetDouble(), 1e-12);
    }

    private static long[] Labels() => [.. Enumerable.Range(0, Inputs).Select(i => (long)(i % RandomVit.Classes))];

    private static float[] Pixels() => new RandomVit(17).Values(Inputs * 3 * RandomVit.ImageSize * RandomVit.ImageSize, 1);

    // A bundle of the int8 base, and a reference of what fp32 answers.
    private (string Bundle, string Reference, float[] Fp32, float[] Int8) Prepare(params long[] labels)
    {
        string bundle = _folder["b.melo"];
        Packer.Done("pack", "--base", bench.Int8Base, "--adapter", bench.Adapter, "--task", "lesion", "--labels", Workbench.Labels, "--unsigned", "--out", bundle);
        BundleContents contents = Bundle.OpenUnverified(bundle);
        float[] pixels = Pixels(), fp32 = PrecisionRuns.Logits(bench.Int8Base, Precision.Fp32, contents, pixels), int8 = PrecisionRuns.Logits(bench.Int8Base, Precision.Int8, contents, pixels);
        return (bundle, RandomVit.WriteReference(_folder["ref.safetensors"], pixels, fp32, labels), fp32, int8);
    }
}
