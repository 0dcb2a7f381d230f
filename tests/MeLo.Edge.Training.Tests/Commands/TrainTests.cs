using System.Diagnostics;
using System.Xml.Linq;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Volumes;
using Volume = MeLo.Edge.Phantoms.Volume;

namespace MeLo.Edge.Training.Tests.Commands;

public sealed class TrainTests(TrainingBench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TrainedBundle_IsTakenByTheEngineAndAnswers()
    {
        string path = _folder["spots.melo"];
        string output = TrainerTool.Done(bench.Train(path, 15, "--title", "Bright spots", "--licence", "Apache-2.0", "--learning-rate", "0.02"));
        Assert.Contains("on 12 test samples: AUC", output, StringComparison.Ordinal);
        using SigningKey key = SigningKey.FromPemFile(bench.Key);
        Bundle bundle = Bundle.Open(path, TrustStore.FromKey(key));
        Assert.Equal("adapter-trainer", bundle.Description.Lora.Source);
        ModelCard card = bundle.Description.Card!;
        Assert.Equal(new CardSamples(56, 12, 12), card.Dataset!.Samples);
        Assert.InRange(card.Metrics["auc"], 0.9, 1);
        Assert.InRange(card.Metrics["auc"], card.Metrics["aucLow95"] + 0.01, card.Metrics["aucHigh95"]);
        Assert.StartsWith("0.02, cosine", card.Training!.LearningRate, StringComparison.Ordinal);
        Assert.Equal(15, card.Training.Epochs);
        Assert.Equal(("lora", "4", "16", "0.1"), (card.Training.Settings["mode"], card.Training.Settings["rank"], card.Training.Settings["batch"], card.Training.Settings["label smoothing"]));
        Assert.InRange(int.Parse(card.Training.Settings["epoch kept"], System.Globalization.CultureInfo.InvariantCulture), 1, 15);
        using EdgeEngine engine = EdgeEngine.Load(bench.Base);
        engine.Install(bundle);
        int right = 0;
        string[] spots = [.. Directory.EnumerateFiles(Path.Combine(bench.Pictures, "spot")).Take(10)];
        foreach (string file in spots) right += (await engine.PredictAsync("spots", file, TestContext.Current.CancellationToken)).Label == "spot" ? 1 : 0;
        Assert.InRange(right, 8, 10);
        Assert.False(Directory.Exists(path + ".training"));
    }

    [Fact]
    public void Report_IsWholeAndNamesTheBundle()
    {
        TrainerTool.Done(bench.Train(_folder["spots.melo"]));
        string html = File.ReadAllText(_folder["spots.html"]);
        Assert.Contains(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(_folder["spots.melo"]))), html, StringComparison.Ordinal);
        Assert.Contains("learning rate", html, StringComparison.Ordinal);
        _ = XDocument.Parse(html[html.IndexOf("<html", StringComparison.Ordinal)..]);
    }

    [Fact]
    public void SamplesThatCannotBeRead_AreNamedBeforeAnythingIsLearnt()
    {
        string pictures = CopyOfPictures();
        string[] broken = [.. Directory.EnumerateFiles(pictures, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Where((_, i) => i % 20 == 0)];
        foreach (string path in broken) File.WriteAllBytes(path, File.ReadAllBytes(path)[..^40]);
        ProgramResult result = TrainerTool.Run([.. bench.Train(_folder["spots.melo"]).Select(a => a == bench.Pictures ? pictures : a)]);
        Assert.Equal(1, result.ExitCode);
        foreach (string path in broken) Assert.Contains($"'{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}': ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("epoch", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task KilledTraining_GoesOnToTheSameAdapter(int epochs)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        string[] more = ["--micro-batch", "4"];
        TrainerTool.Done(bench.Train(_folder["whole.melo"], 6, more));
        string path = _folder["killed.melo"];
        using (Process process = TrainerTool.Start(bench.Train(path, 6, more)))
        {
            // Somewhere in the epoch after these.
            for (int i = 0; i < epochs; i++)
                while (!(await process.StandardError.ReadLineAsync(cancellation) ?? throw new InvalidOperationException("It ended by itself.")).StartsWith("epoch", StringComparison.Ordinal)) { }
            await Task.Delay(Random.Shared.Next(60), cancellation);
            process.Kill();
            await process.WaitForExitAsync(cancellation);
        }
        Assert.False(File.Exists(path));
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(path, 6, more));
        Assert.Equal(0, exitCode);
        Assert.Contains("found the state of an interrupted training", error, StringComparison.Ordinal);
        BundleContents whole = Bundle.OpenUnverified(_folder["whole.melo"]), resumed = Bundle.OpenUnverified(path);
        Assert.Equal(whole.Adapter.Pairs.SelectMany(p => p.A.Concat(p.B)), resumed.Adapter.Pairs.SelectMany(p => p.A.Concat(p.B)));
        Assert.Equal(whole.Adapter.Head.Weight, resumed.Adapter.Head.Weight);
    }

    [Fact]
    public async Task Volumes_BecomeABundleThatAnswersThemAsItWasMeasured()
    {
        string set = _folder["organ.npz"], path = _folder["organ.melo"];
        TrainerTool.Done("phantoms", "--task", "organ-mass", "--count", "60", "--seed", "5", "--size", "12", "--out", set);
        string output = TrainerTool.Done(
            "train", "--base", bench.Base, "--data", set, "--labels", "normal,mass", "--axes", "all", "--slices", "3", "--task", "organ", "--key", bench.Key, "--out", path, "--epochs", "2", "--batch", "8", "--warmup", "0");
        Assert.Contains("slices of a validation sample", output, StringComparison.Ordinal);
        Assert.EndsWith(PhantomSet.Notice + Environment.NewLine, output, StringComparison.Ordinal);
        using SigningKey key = SigningKey.FromPemFile(bench.Key);
        Bundle bundle = Bundle.Open(path, TrustStore.FromKey(key));
        Assert.Equal(new VolumeRecipe(VolumeAxes.All, 3, SliceAggregation.MeanLogits), bundle.Description.Input.Volume);
        Assert.Equal(4, bundle.Probe.Inputs);
        Assert.EndsWith(PhantomSet.Notice, bundle.Description.Card!.Dataset!.Description, StringComparison.Ordinal);
        Assert.Contains($"""role="note">{PhantomSet.Notice}</p>""", File.ReadAllText(_folder["organ.html"]), StringComparison.Ordinal);

        // The device's answers to the test volumes are those that the card's figures were made of.
        using EdgeEngine engine = EdgeEngine.Load(bench.Base);
        engine.Install(bundle);
        using NpzFile file = NpzFile.Open(set, set);
        byte[][] volumes = file.Bytes("test_images", 1 << 20);
        long[] labels = file.Integers("test_labels", 1 << 20);
        int right = 0;
        for (int i = 0; i < volumes.Length; i++)
        {
            Prediction prediction = await engine.PredictAsync("organ", NpyFile.Write(new Volume(12, volumes[i])), TestContext.Current.CancellationToken);
            right += prediction.Label == bundle.Description.Head.Labels[(int)labels[i]] ? 1 : 0;
        }
        Assert.Equal(bundle.Description.Card!.Metrics["accuracy"], right / (double)volumes.Length, 6);
    }

    [Fact]
    public async Task VolumesInFiles_AreLearntAndAnsweredAsTheyAre()
    {
        // Bright inside or not: a series, an array or NIfTI of each in turn, eight to train on, four to choose by, six to test on.
        Random random = new(3);
        List<(string Path, string Label)> tested = [];
        foreach ((string part, int count) in ((string, int)[])[("train", 8), ("val", 4), ("test", 6)])
        {
            for (int i = 0; i < count; i++)
            {
                string label = i % 2 == 0 ? "mass" : "normal";
                TestVolume volume = new(6, 8, 8, [.. Enumerable.Range(0, 6 * 64).Select(v => (short)(random.Next(100) + (i % 2 == 0 && v % 64 is > 17 and < 40 ? 600 : 0)))]);
                string path = _folder["volumes", part, label, $"{i}"];
                if (i % 3 == 0) foreach ((int z, byte[] slice) in volume.Slices(series: $"1.{count}.{i}", more: d => d.Text(0x00100020, "LO", $"{part}{i}")).Index()) File.WriteAllBytes(_folder["volumes", part, label, $"{i}", $"{z}.dcm"], slice);
                else File.WriteAllBytes(path, i % 3 == 1 ? volume.Npy() : volume.Nifti(isCompressed: true));
                if (part == "test") tested.Add((path, label));
            }
        }
        string output = TrainerTool.Done(
            "train", "--base", bench.Base, "--data", _folder["volumes"], "--slices", "2", "--axes", "coronal", "--dicom", "window:350,700", "--task", "organ", "--key", bench.Key, "--out", _folder["organ.melo"], "--epochs", "2",
            "--batch", "4", "--warmup", "0");
        Assert.Contains("on 6 test samples: AUC", output, StringComparison.Ordinal);
        File.WriteAllText(_folder["volumes", "test", "mass", "0", ".DS_Store"], "what a Mac leaves");
        using SigningKey key = SigningKey.FromPemFile(bench.Key);
        Bundle bundle = Bundle.Open(_folder["organ.melo"], TrustStore.FromKey(key));
        Assert.Equal(new VolumeRecipe(VolumeAxes.Coronal, 2, SliceAggregation.MeanLogits), bundle.Description.Input.Volume);
        Assert.Equal("volumes: 18 volumes, 2 slices (coronal), 2 classes", bundle.Description.Card!.Dataset!.Description);
        using EdgeEngine engine = EdgeEngine.Load(bench.Base);
        engine.Install(bundle);
        int right = 0;
        foreach ((string path, string label) in tested) right += (await engine.PredictAsync("organ", path, TestContext.Current.CancellationToken)).Label == label ? 1 : 0;
        Assert.Equal(bundle.Description.Card!.Metrics["accuracy"], right / 6.0, 6);
    }

    [Fact]
    public void WholeModel_BecomesACheckpointThatImports()
    {
        string path = _folder["whole.safetensors"];
        TrainerTool.Done("train", "--base", bench.Base, "--data", bench.Pictures, "--task", "spots", "--mode", "full", "--out", path, "--epochs", "1", "--warmup", "0");
        BaseImport.Import(path, _folder["imported"], new BaseImportOptions { Heads = 4 }, cancellation: TestContext.Current.CancellationToken);
        using BasePackage before = BasePackage.Open(bench.Base), after = BasePackage.Open(_folder["imported"]);
        Assert.Equal(before.Architecture, after.Architecture);
        Assert.NotEqual(before.Digest, after.Digest);
    }

    [Fact]
    public void FiguresOfSeveralClasses_AreThoseOfWhatIsWritten()
    {
        // Of more than two classes the temperature moves the area, too: console, card and chart say that of the head with it.
        TrainerTool.Done("phantoms", "--task", "blood-cell", "--count", "160", "--size", "32", "--out", _folder["set.npz"]);
        string output = TrainerTool.Done("train", "--base", bench.Base, "--data", _folder["set.npz"], "--task", "cells", "--unsigned", "--out", _folder["cells.melo"], "--epochs", "3", "--batch", "16", "--warmup", "0");
        IReadOnlyDictionary<string, double> metrics = Bundle.OpenUnverified(_folder["cells.melo"]).Description.Card!.Metrics;
        Assert.NotEqual(1, metrics["temperature"]);
        Assert.Contains(FormattableString.Invariant($"AUC {metrics["auc"]:F4} ({metrics["aucLow95"]:F3}–{metrics["aucHigh95"]:F3})"), output, StringComparison.Ordinal);
        string html = File.ReadAllText(_folder["cells.html"]);
        string[] areas = [.. System.Text.RegularExpressions.Regex.Matches(output, @"(?m)^  \w+: AUC (\d\.\d{4})").Select(m => m.Groups[1].Value)];
        Assert.Equal(4, areas.Length);
        Assert.Equal(metrics["auc"], areas.Average(a => double.Parse(a, System.Globalization.CultureInfo.InvariantCulture)), 1e-4);
        Assert.All(areas, area => Assert.Contains($">{area} (", html, StringComparison.Ordinal));
        double[] charted = [.. System.Text.RegularExpressions.Regex.Matches(html, @": area (\d\.\d{3})\.").Select(m => double.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(4, charted.Length);
        foreach ((double chart, string area) in charted.Zip(areas)) Assert.Equal(double.Parse(area, System.Globalization.CultureInfo.InvariantCulture), chart, 6e-4);
    }

    [Fact]
    public async Task SeveralLabelsASample_BecomeABundleOfSigmoids()
    {
        // Half of each class again as what they have in common: a list with "spot|marked", "none|marked" and either alone.
        string[] files = [.. Directory.EnumerateFiles(bench.Pictures, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        File.WriteAllLines(_folder["labels.csv"], ["path,labels", .. files.Select((f, i) => $"{f},{Path.GetFileName(Path.GetDirectoryName(f))}{(i % 2 == 0 ? "|marked" : "")}")]);
        string path = _folder["labels.melo"];
        string output = TrainerTool.Done([.. bench.Train(path, 12, "--learning-rate", "0.02", "--balance").Select(a => a == bench.Pictures ? _folder["labels.csv"] : a)]);
        using SigningKey key = SigningKey.FromPemFile(bench.Key);
        Bundle bundle = Bundle.Open(path, TrustStore.FromKey(key));
        Assert.Equal((HeadActivation.Sigmoid, "marked,none,spot"), (bundle.Description.Head.Activation, string.Join(',', bundle.Description.Head.Labels)));
        Assert.Matches(@"(?m)^  spot: AUC (1\.0|0\.9)", output);
        Assert.DoesNotContain("Confusion matrix", File.ReadAllText(_folder["labels.html"]), StringComparison.Ordinal);
        using EdgeEngine engine = EdgeEngine.Load(bench.Base);
        engine.Install(bundle);
        // Each for itself: they do not add up to 1.
        double[][] answers = new double[files.Length][];
        for (int i = 0; i < files.Length; i++) answers[i] = [.. (await engine.PredictAsync("spots", files[i], TestContext.Current.CancellationToken)).Scores.Select(s => s.Probability)];
        Assert.Contains(answers, p => Math.Abs(p.Sum() - 1) > 0.1);
        Assert.InRange(files.Where((f, i) => (answers[i][2] > 0.5) == f.Contains("spot", StringComparison.Ordinal)).Count(), 64, 80);
    }

    [Fact]
    public void NoTestSamples_AreNoFigures()
    {
        (int exitCode, string output, string error) = TrainerTool.Run(bench.Train(_folder["spots.melo"], 1, "--test-share", "0"));
        Assert.True(exitCode == 0, error);
        Assert.Contains("nothing was measured: there are no test samples", output, StringComparison.Ordinal);
        string pictures = CopyOfPictures();
        File.WriteAllText(Path.Combine(pictures, "NOTICE.txt"), "Drawn.");
        Assert.EndsWith("Drawn." + Environment.NewLine, TrainerTool.Done([.. bench.Train(_folder["drawn.melo"], 1, "--test-share", "0").Select(a => a == bench.Pictures ? pictures : a)]), StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", output + error + File.ReadAllText(_folder["spots.html"]), StringComparison.Ordinal);
        Assert.DoesNotContain("auc", Bundle.OpenUnverified(_folder["spots.melo"]).Description.Card!.Metrics.Keys);
    }

    [Fact]
    public void LabelsThatDifferInCaseAlone_AreWarnedOf()
    {
        string[] files = [.. Directory.EnumerateFiles(bench.Pictures, "*.png", SearchOption.AllDirectories)];
        File.WriteAllLines(_folder["labels.csv"], ["path,label", .. files.Select((f, i) => $"{f},{(i % 2 == 0 ? "Spot" : "spot")}")]);
        ProgramResult result = TrainerTool.Run([.. bench.Train(_folder["x.melo"], 1).Select(a => a == bench.Pictures ? _folder["labels.csv"] : a)]);
        Assert.Contains("warning: found the labels 'Spot' and 'spot', which differ in case alone", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNotTheTrainings_StaysWhereItIs()
    {
        string path = _folder["spots.melo"], mine = Path.Combine(path + ".training", "mine.txt");
        Directory.CreateDirectory(path + ".training");
        File.WriteAllText(mine, "mine");
        TrainerTool.Done(bench.Train(path, 1, "--restart"));
        Assert.Equal([mine], Directory.EnumerateFileSystemEntries(path + ".training"));
        File.WriteAllText(_folder["other.melo.training"], "mine");
        ProgramResult result = TrainerTool.Run(bench.Train(_folder["other.melo"], 1));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("found a file, expected a folder for the state of the training", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void HeadAlone_IsABundleToo()
    {
        TrainerTool.Done(bench.Train(_folder["head.melo"], 3, "--mode", "head", "--probe", "generated"));
        BundleContents contents = Bundle.OpenUnverified(_folder["head.melo"]);
        Assert.All(contents.Adapter.Pairs, pair => Assert.All(pair.B, value => Assert.Equal(0, value)));
    }

    [Fact]
    public void OtherSettings_AreRefusedUntilRestart()
    {
        string path = _folder["spots.melo"];
        using (Process process = TrainerTool.Start(bench.Train(path, 50, "--patience", "0")))
        {
            while (!process.StandardError.ReadLine()!.StartsWith("epoch", StringComparison.Ordinal)) { }
            process.Kill();
            process.WaitForExit();
        }
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(path, 50, "--patience", "0", "--rank", "2", "--threads", "3"));
        Assert.Equal(1, exitCode);
        Assert.Contains("rank: found 4, expected 2", error, StringComparison.Ordinal);
        Assert.Matches("threads: found [0-9]+, expected 3", error);
        TrainerTool.Done(bench.Train(path, 3, "--rank", "2", "--restart"));
    }

    [Fact]
    public void OtherPreprocessingOrPictures_AreRefusedByWhatDiffers()
    {
        string pictures = CopyOfPictures(), path = _folder["spots.melo"];
        string[] command = [.. bench.Train(path, 60, "--patience", "0").Select(a => a == bench.Pictures ? pictures : a)];
        using (Process process = TrainerTool.Start(command))
        {
            while (!process.StandardError.ReadLine()!.StartsWith("epoch", StringComparison.Ordinal)) { }
            process.Kill();
            process.WaitForExit();
        }
        string state = Path.Combine(path + ".training", "state.safetensors");
        byte[] kept = File.ReadAllBytes(state);
        (int exitCode, _, string error) = TrainerTool.Run([.. command, "--preprocess", """{"resize":"squash","size":32,"interpolation":"bicubic","mean":[0.5,0.5,0.4],"std":[0.5,0.5,0.5]}"""]);
        Assert.Equal(1, exitCode);
        Assert.Contains("preprocessing: found {\"resize\":\"squash\",\"size\":32,\"interpolation\":\"bicubic\",\"mean\":[0.5,0.5,0.5]", error, StringComparison.Ordinal);
        Assert.Contains("--restart begins anew", error, StringComparison.Ordinal);

        // Another picture of the same length under the same name.
        string changed = Directory.EnumerateFiles(pictures, "*.png", SearchOption.AllDirectories).First();
        byte[] bytes = File.ReadAllBytes(changed);
        bytes[^20] ^= 1;
        File.WriteAllBytes(changed, bytes);
        (exitCode, _, error) = TrainerTool.Run(command);
        Assert.Equal(1, exitCode);
        Assert.Contains("dataset: found", error, StringComparison.Ordinal);
        Assert.Equal(kept, File.ReadAllBytes(state));
    }

    [Theory]
    [InlineData]
    [InlineData("--restart")]
    public void TrainingOfANameThatIsAtWork_IsRefused(params string[] more)
    {
        string path = _folder["spots.melo"], state = Path.Combine(path + ".training", "state.safetensors");
        using Process process = TrainerTool.Start(bench.Train(path, 500, "--patience", "0"));
        while (!process.StandardError.ReadLine()!.StartsWith("epoch", StringComparison.Ordinal)) { }
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(path, 500, ["--patience", "0", .. more]));
        Assert.True(File.Exists(state));
        process.Kill();
        process.WaitForExit();
        Assert.Equal(1, exitCode);
        Assert.Contains("found another training of this name at work", error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatNoBundleCanHold_IsSaidBeforeTraining()
    {
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(_folder["x.melo"], 3, "--targets", "query,key"));
        Assert.Equal(1, exitCode);
        Assert.Contains("expected one imported with --adapt all", error, StringComparison.Ordinal);
        Assert.DoesNotContain("epoch", error, StringComparison.Ordinal);
        File.WriteAllText(_folder["x.html"], "my own notes");
        (exitCode, _, error) = TrainerTool.Run(bench.Train(_folder["x.melo"]));
        Assert.Equal(1, exitCode);
        Assert.Contains("found a file that is no report", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["x.melo"]));
    }

    [Theory]
    [InlineData("error: --targets", "--targets", "query,nothing")]
    [InlineData("error: --augment", "--augment", "twirl")]
    [InlineData("error: --rank", "--rank", "0")]
    [InlineData("label smoothing: found 1", "--label-smoothing", "1")]
    [InlineData("--mode full writes a checkpoint", "--mode", "full")]
    [InlineData("error: --rank: found '3000000000'", "--rank", "3000000000")]
    [InlineData("--title: found 2 characters, expected a text of 1 to 200 characters, not blank", "--title", "  ")]
    [InlineData("Must be one of: 'lora' 'full' 'head'", "--mode", "all")]
    [InlineData("Unrecognized command or argument 'maybe'", "--unsigned=maybe")]
    [InlineData("error: --seed: found '-1', expected a whole number from 0", "--seed", "-1")]
    [InlineData("--threads: found 1000000, expected 0 to 1024", "--threads", "1000000")]
    [InlineData("--title: found 3 characters, control characters among them, expected a text of 1 to 200", "--title", "a\nb")]
    [InlineData("--licence: found 8 characters, control characters among them", "--licence", "\u001b[31mred")]
    [InlineData("--rank: found it with --mode head, expected it with adapters", "--mode", "head", "--rank", "8")]
    [InlineData("--augment: found it with --mode head, which learns from the features of pictures as they are", "--mode", "head", "--augment", "flip")]
    [InlineData("alpha: found 1E+39 at rank 4, expected one that 32-bit numbers hold", "--alpha", "1e39")]
    [InlineData("--micro-batch: found '70000', expected a whole number from 1 to 65536", "--micro-batch", "70000")]
    [InlineData("shares for validation and the test: found 1.2 together, expected less than 1", "--validation-share", "0.6", "--test-share", "0.6")]
    public void WrongUsage_IsSaidInALine(string expected, params string[] more)
    {
        (int exitCode, string output, string error) = TrainerTool.Run(bench.Train(_folder["x.melo"], 3, more));
        Assert.Equal(2, exitCode);
        Assert.Equal("", output);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void OptionsThatAreMissing_AreAllNamedFirst()
    {
        (int exitCode, _, string error) = TrainerTool.Run("train");
        Assert.Equal(2, exitCode);
        foreach (string option in (string[])["--base", "--data", "--task", "--out"]) Assert.Contains($"Option '{option}' is required.", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TextThatIsTooLong_IsRefusedBeforeTraining()
    {
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(_folder["x.melo"], 3, "--intended-use", new string('x', 4001)));
        Assert.Equal(2, exitCode);
        Assert.Contains("--intended-use: found 4001 characters, expected a line of at most 4000", error, StringComparison.Ordinal);
        Assert.Contains("batch: found 2147483647, expected 1 to 65536", new TrainingSettings { Batch = int.MaxValue }.Faults());
        (exitCode, _, error) = TrainerTool.Run("train", "--base", bench.Base, "--data", bench.Pictures, "--task", "t", "--mode", "full", "--out", _folder["x.safetensors"], "--release", "2");
        Assert.Equal(2, exitCode);
        Assert.Contains("--release: found it with --mode full", error, StringComparison.Ordinal);
    }

    [Fact]
    public void LongCommandLine_IsNoTrouble()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the command lines of other systems are shorter");
        // ONNX Runtime's telemetry would read it, and end the process over one of 29,000 characters.
        ProgramResult result = ToolProcess.Run(TelemetryVariables.Unset[0], [.. TelemetryVariables.Unset[1..], ToolProcess.Beside("adapter-trainer"), .. bench.Train(_folder["x.melo"], 1, "--seed", new string('0', 60_000) + "1")]);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    [Fact]
    public void CardHasTheThresholdsOfItsFigures()
    {
        TrainerTool.Done(bench.Train(_folder["spots.melo"]));
        IReadOnlyDictionary<string, double> metrics = Bundle.OpenUnverified(_folder["spots.melo"]).Description.Card!.Metrics;
        Assert.Equal(1, metrics["threshold.none"] + metrics["threshold.spot"], 1);
        Assert.True(metrics.ContainsKey("sensitivity.spot"));
        string html = File.ReadAllText(_folder["spots.html"]);
        foreach (string line in (string[])["dealt out by the seed", "signing key", "self-test", "release"]) Assert.Contains(line, html, StringComparison.Ordinal);
    }

    [Fact]
    public void PicturesThatContradictEachOther_AreWarnedOf()
    {
        string pictures = CopyOfPictures();
        File.Copy(Path.Combine(pictures, "spot", "1.png"), Path.Combine(pictures, "none", "copy.png"));
        (int exitCode, _, string error) = TrainerTool.Run([.. bench.Train(_folder["x.melo"], 1).Select(a => a == bench.Pictures ? pictures : a)]);
        Assert.Equal(0, exitCode);
        Assert.Contains("warning: found 1 samples that are there several times and not labelled alike, the first as 'none/copy.png' and 'spot/1.png': one label is wrong", error, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyThatWouldBeOverwritten_IsRefused()
    {
        string key = _folder["precious.melo"];
        File.Copy(bench.Key, key);
        (int exitCode, _, string error) = TrainerTool.Run(bench.Train(key));
        Assert.Equal(1, exitCode);
        Assert.Contains("found a file that is no bundle", error, StringComparison.Ordinal);
    }

    private string CopyOfPictures()
    {
        string pictures = Path.Combine(_folder.Root, "pictures");
        foreach (string file in Directory.EnumerateFiles(bench.Pictures, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(pictures, Path.GetRelativePath(bench.Pictures, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        return pictures;
    }
}
