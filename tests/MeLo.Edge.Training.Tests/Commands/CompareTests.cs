using System.Text.Json.Nodes;

namespace MeLo.Edge.Training.Tests.Commands;

public sealed class CompareTests(TrainingBench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Comparison_HasEveryModeWithItsShare_AndRepeatsNothing()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--seeds", "2", "--epochs", "2", "--warmup", "0", "--out", _folder.Root, "--json"];
        JsonNode first = JsonNode.Parse(TrainerTool.Done(command))!;
        Assert.Equal(3, (first["lora"]!["runs"]!.AsArray().Count + first["full"]!["runs"]!.AsArray().Count + first["head"]!["runs"]!.AsArray().Count) / 2);
        Assert.Equal(1, first["full"]!["parameterShare"]!.GetValue<double>());
        Assert.InRange(first["lora"]!["parameterShare"]!.GetValue<double>(), 0.001, 0.1);
        Assert.Equal(2 * (64 + 1), first["head"]!["parameters"]!.GetValue<int>());
        Assert.Equal(4 * 2 * (64 + 1), first["head"]!["storageBytes"]!.GetValue<int>());
        // The same figures to the last bit, times and memory included: nothing was trained again.
        Assert.Equal(first.ToJsonString(), JsonNode.Parse(TrainerTool.Done(command))!.ToJsonString());
        Assert.Contains("± ", TrainerTool.Done(command[..^1]), StringComparison.Ordinal);
    }

    [Fact]
    public void ResultsOfAnotherTraining_AreRefusedByWhatDiffers()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "head", "--seeds", "1", "--warmup", "0", "--out", _folder.Root];
        TrainerTool.Done([.. command, "--epochs", "2"]);
        ProgramResult other = TrainerTool.Run([.. command, "--epochs", "3"]);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("epochs, at most: found 2, expected 3; to train it anew, delete", other.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("seed:", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void TunedRate_IsThatWithTheBestMeanOverTheFolds()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "head", "--seeds", "2", "--epochs", "2", "--warmup", "0", "--tune", "1e-3,1,4", "--folds", "3", "--out", _folder.Root, "--json"];
        JsonNode head = JsonNode.Parse(TrainerTool.Done(command))!["head"]!;
        DateTime[] written = Written();
        JsonArray tried = head["learningRate"]!["tried"]!.AsArray();
        Assert.Equal([1e-5, 1e-2, 4e-2], tried.Select(t => t!["rate"]!.GetValue<double>()));
        foreach (JsonNode? rate in tried)
        {
            double[] folds = [.. rate!["aucOfFolds"]!.AsArray().Select(a => a!.GetValue<double>())];
            Assert.Equal(3, folds.Length);
            Assert.Equal(folds.Average(), rate["auc"]!.GetValue<double>());
        }
        double best = tried.MaxBy(t => t!["auc"]!.GetValue<double>())!["auc"]!.GetValue<double>(), taken = head["learningRate"]!["rate"]!.GetValue<double>();
        Assert.Equal(best, tried.Single(t => t!["rate"]!.GetValue<double>() == taken)!["auc"]!.GetValue<double>());
        Assert.StartsWith(taken == 0.01 ? "0.01, " : taken == 0.04 ? "0.04, " : "1E-05, ", head["settings"]!["learning rate"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(2, head["runs"]!.AsArray().Count);
        foreach (string end in (string[])["aucLow95", "aucHigh95"]) Assert.Equal(head["runs"]!.AsArray().Average(r => r![end]!.GetValue<double>()), head[end]!.GetValue<double>(), 1e-12);
        Assert.Equal(9, Directory.GetDirectories(_folder.Root, "head-rate-*-fold-*").Length);
        Assert.Contains($"over 3 folds; {taken:G6} is taken{(taken == 0.01 ? "" : taken > 0.01 ? ", the highest: a higher" : ", the lowest: a lower")}", TrainerTool.Done(command[..^1]), StringComparison.Ordinal);
        // Every result is kept: nothing is trained again.
        Assert.Equal(written, Written());
        // More rates and other folds go beside what is there.
        TrainerTool.Done([.. command.Select(a => a == "1e-3,1,4" ? "0.5,1,4" : a)]);
        TrainerTool.Done([.. command.Select(a => a == "3" ? "4" : a)]);
        Assert.Equal(9 + 3 + 12, Directory.GetDirectories(_folder.Root, "head-rate-*-fold-*").Length);

        DateTime[] Written() => [.. Directory.GetFiles(_folder.Root, "result.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.GetLastWriteTimeUtc)];
    }

    [Theory]
    [InlineData("--tune", "1", "--tune: found '1', expected two or more numbers above 0")]
    [InlineData("--tune", "1,1", "--tune: found '1,1', expected two or more numbers")]
    [InlineData("--tune", "1,-2", "--tune: found '1,-2', expected two or more numbers")]
    [InlineData("--tune", "1;2", "--tune: found '1;2', expected two or more numbers")]
    [InlineData("--folds", "2", "--folds: found 2, expected 3 or more")]
    [InlineData("--folds", "-3", "--folds: found '-3', expected a whole number")]
    [InlineData("--folds", "4", "--folds: found it without --tune")]
    [InlineData("--seeds", "1001", "--seeds: found '1001', expected a whole number from 1 to 1000")]
    [InlineData("--tune", "1,1e9", "--tune: weight decay: found 0.01 at a learning rate of 5E+06")]
    [InlineData("--tune", "1,1e-9", "--tune: final learning rate: found 1E-06, expected 0 to 5E-12")]
    public void TuningThatCannotBe_IsRefusedBeforeAnythingIsTrained(string option, string value, string expected)
    {
        ProgramResult result = TrainerTool.Run("compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "lora", "--out", _folder["out"], option, value);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void WhatCannotBeKept_IsSaidBeforeAnythingIsTrained()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "head", "--seeds", "2", "--epochs", "1", "--warmup", "0", "--tune", "1,2", "--folds", "3", "--out", _folder["out"]];
        Refused(bench.Pictures, "found the folder 'none' in it, expected a folder of comparisons alone");
        Refused(Path.Combine(bench.Pictures, "none", "0.png"), "found a file, expected a folder of comparisons");
        Directory.CreateDirectory(_folder["out"]);
        File.WriteAllText(Path.Combine(_folder["out"], "comparison.json"), "mine");
        Refused(_folder["out"], "found a file that is no JSON object");
        File.Delete(Path.Combine(_folder["out"], "comparison.json"));
        // Of the last training that there may be.
        string last = Path.Combine(_folder["out"], "head-rate-0.02-2");
        foreach (string text in (string[])["{", "{\"runs\":null,\"head\":5}", "{\"identity\":\"[[1]]\",\"run\":{}}", """{"identity":"[[\\"a\\",\\"b\\"],[\\"a\\",\\"c\\"]]","run":{}}""", "null"])
        {
            Directory.CreateDirectory(last);
            File.WriteAllText(Path.Combine(last, "result.json"), text);
            Refused(_folder["out"], "result.json: found no result of a training");
        }

        void Refused(string folder, string expected)
        {
            ProgramResult result = TrainerTool.Run([.. command[..^1], folder]);
            Assert.Equal(1, result.ExitCode);
            Assert.Contains(expected, result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("to train on", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RateThatDiverges_IsOut()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "full", "--seeds", "1", "--epochs", "2", "--warmup", "0", "--weight-decay", "0", "--tune", "1,1e30", "--folds", "3", "--out", _folder["out"]];
        ProgramResult result = TrainerTool.Run([.. command, "--json"]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("the learning rate 1E+26 is out: found a validation loss of", result.Error, StringComparison.Ordinal);
        JsonNode choice = JsonNode.Parse(result.Output)!["full"]!["learningRate"]!;
        Assert.Equal(1e-4, choice["rate"]!.GetValue<double>());
        Assert.Null(choice["tried"]![1]!["auc"]);
        Assert.Contains("diverged at 1E+26 over 3 folds; 0.0001 is taken, the lowest", TrainerTool.Done(command), StringComparison.Ordinal);
        result = TrainerTool.Run([.. command.Select(a => a == "1,1e30" ? "1e30,1e31" : a)]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("a lower learning rate than", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void SeedsGoOnFromTheLargestToTheFirst()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--modes", "head", "--seeds", "2", "--seed", "18446744073709551615", "--epochs", "1", "--warmup", "0", "--out", _folder["out"], "--json"];
        Assert.Equal([ulong.MaxValue, 0], JsonNode.Parse(TrainerTool.Done(command))!["head"]!["runs"]!.AsArray().Select(r => r!["seed"]!.GetValue<ulong>()));
    }

    [Fact]
    public void ModesOfAnEarlierComparison_Stay()
    {
        string[] command = ["compare", "--base", bench.Base, "--data", bench.Pictures, "--seeds", "1", "--epochs", "1", "--warmup", "0", "--out", _folder.Root, "--json"];
        JsonNode adapters = JsonNode.Parse(TrainerTool.Done([.. command, "--modes", "lora"]))!;
        JsonNode head = JsonNode.Parse(TrainerTool.Done([.. command, "--modes", "head"]))!;
        Assert.Equal(adapters["lora"]!.ToJsonString(), head["lora"]!.ToJsonString());
        Assert.Equal(head.ToJsonString(), JsonNode.Parse(File.ReadAllText(_folder["comparison.json"]))!.ToJsonString());
        // Of other data nothing stays.
        File.WriteAllText(_folder["comparison.json"], File.ReadAllText(_folder["comparison.json"]).Replace(head["datasetDigest"]!.GetValue<string>(), new string('0', 64), StringComparison.Ordinal));
        ProgramResult other = TrainerTool.Run([.. command, "--modes", "head"]);
        Assert.Null(JsonNode.Parse(other.Output)!["lora"]);
        Assert.Contains("had lora of another comparison (datasetDigest), which cannot stand beside this one", other.Error, StringComparison.Ordinal);
        File.WriteAllText(_folder["comparison.json"], "{");
        Assert.NotNull(JsonNode.Parse(TrainerTool.Done([.. command, "--modes", "head"]))!["head"]);
    }

    [Fact]
    public void NothingToTestOn_IsRefused()
    {
        ProgramResult result = TrainerTool.Run("compare", "--base", bench.Base, "--data", bench.Pictures, "--test-share", "0", "--out", _folder["out"]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("found no samples to test on, expected some", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void UndefinedFigure_IsNull()
    {
        // No test sample has the second class.
        string csv = _folder["list.csv"];
        IEnumerable<string> rows = Directory.EnumerateFiles(bench.Pictures, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select((path, i) =>
        {
            string label = Path.GetFileName(Path.GetDirectoryName(path)!);
            return $"{path},{label},{(label == "none" && i % 4 == 0 ? "test" : i % 4 == 1 ? "val" : "train")}";
        });
        File.WriteAllLines(csv, ["path,label,split", .. rows]);
        string[] command = ["compare", "--base", bench.Base, "--data", csv, "--modes", "head", "--seeds", "1", "--epochs", "1", "--warmup", "0", "--out", Path.Combine(_folder.Root, "out"), "--json"];
        JsonNode report = JsonNode.Parse(TrainerTool.Done(command))!;
        Assert.Null(report["head"]!["auc"]);
        Assert.Null(report["head"]!["aucLow95"]);
        Assert.Null(report["head"]!["runs"]![0]!["auc"]);
        Assert.Null(report["head"]!["runs"]![0]!["aucHigh95"]);
        Assert.InRange(report["head"]!["accuracy"]!.GetValue<double>(), 0, 1);
    }
}
