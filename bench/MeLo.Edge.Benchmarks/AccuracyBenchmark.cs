using System.CommandLine;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdapterPacker;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using Spectre.Console;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// What int8 keeps of a real model's answers on real pictures: the checkpoint's own classes, and the labels of a folder by a head fitted to the
/// fp32 features of its training pictures, for the base and with an adapter merged.
/// </summary>
internal static class AccuracyBenchmark
{
    private const int Batch = 8;

    public static Command Command()
    {
        Option<string> checkpoint = new("--checkpoint") { Description = "A trained checkpoint with its classifier (head.weight, head.bias), mean and deviation 0.5.", Required = true };
        Option<string[]> pictures = new("--pictures") { Description = "Folders of pictures with a labels.csv: file,label,split.", Required = true, AllowMultipleArgumentsPerToken = true };
        Option<string?> adapter = new("--adapter") { Description = "A LoRA-ViT adapter to merge, besides the base as it is." };
        Option<string?> calibration = new("--calibrate") { Description = "Pictures for the import to calibrate with; without, every weight is rounded to the nearest." };
        Option<bool> json = new("--json") { Description = "Print one JSON object instead of a table." };
        Command command = new("accuracy", "Int8 against fp32 on real weights and pictures.") { checkpoint, pictures, adapter, calibration, json };
        command.SetAction(result => Run(
            result.GetValue(checkpoint)!, result.GetValue(pictures)!, result.GetValue(adapter), result.GetValue(calibration), result.GetValue(json)));
        return command;
    }

    private static int Run(string checkpoint, string[] folders, string? adapterPath, string? calibration, bool json)
    {
        string scratch = Directory.CreateTempSubdirectory("melo-accuracy-").FullName;
        try
        {
            BaseImport.Import(checkpoint, Path.Combine(scratch, "base"), new BaseImportOptions { Precisions = [Precision.Fp32, Precision.Int8], CalibrationFolder = calibration });
            using EdgeEngine fp32 = Load(Precision.Fp32), int8 = Load(Precision.Int8);
            VitArchitecture vit = fp32.Base.Architecture;
            TaskHead classifier = Classifier(checkpoint, vit.Dim);
            List<(string Name, LoraAdapter Adapter)> variants = [("base", Unchanged(vit))];
            if (adapterPath is not null) variants.Add((Path.GetFileNameWithoutExtension(adapterPath), WithFeatures(LoraVitFile.Read(adapterPath).Adapter, vit.Dim)));
            List<JsonObject> rows = [];
            foreach (string folder in folders)
            {
                LabelledPictures labelled = LabelledPictures.Read(folder, vit);
                string pictures = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
                foreach ((string name, LoraAdapter adapter) in variants)
                {
                    float[][] exact = Features(fp32, adapter, labelled.Pixels, vit), rounded = Features(int8, adapter, labelled.Pixels, vit);
                    rows.Add(Row(pictures, name, "its own classes", exact, rounded, classifier, null, []));
                    TaskHead fitted = FittedHead.Fit(exact, labelled);
                    int[] held = [.. Enumerable.Range(0, exact.Length).Where(i => !labelled.IsTraining[i])];
                    rows.Add(Row(pictures, name, "labels", exact, rounded, fitted, labelled.Labels, held));
                }
            }
            Print(rows, vit.Name, json);
            return 0;

            EdgeEngine Load(Precision precision) => EdgeEngine.Load(Path.Combine(scratch, "base"), new EdgeEngineOptions { Precision = precision });
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static JsonObject Row(string pictures, string weights, string head, float[][] exact, float[][] rounded, TaskHead classifier, int[]? labels, int[] held)
    {
        float[] fp32 = [.. exact.SelectMany(f => Logits(classifier, f))], int8 = [.. rounded.SelectMany(f => Logits(classifier, f))];
        int classes = classifier.Classes, agreeing = 0;
        List<double> cosines = [];
        for (int i = 0; i < exact.Length; i++)
        {
            ReadOnlySpan<float> a = fp32.AsSpan(i * classes, classes), b = int8.AsSpan(i * classes, classes);
            cosines.Add(labels is null ? TensorPrimitives.CosineSimilarity(a, b) : TensorPrimitives.CosineSimilarity<float>(exact[i], rounded[i]));
            if (TensorPrimitives.IndexOfMax(a) == TensorPrimitives.IndexOfMax(b)) agreeing++;
        }
        JsonObject row = new()
        {
            ["pictures"] = pictures, ["weights"] = weights, ["head"] = head, ["count"] = exact.Length,
            ["top1_agreement"] = Math.Round((double)agreeing / exact.Length, 4),
            ["smallest_cosine"] = Math.Round(cosines.Min(), 5), ["mean_cosine"] = Math.Round(cosines.Average(), 5),
        };
        if (labels is not null)
        {
            int[] truth = [.. held.Select(i => labels[i])];
            row["fp32_accuracy"] = Math.Round(LabelScores.Accuracy(Held(fp32), truth, classes), 4);
            row["int8_accuracy"] = Math.Round(LabelScores.Accuracy(Held(int8), truth, classes), 4);
            row["fp32_auc"] = Math.Round(LabelScores.MeanAuc(Held(fp32), truth, classes), 4);
            row["int8_auc"] = Math.Round(LabelScores.MeanAuc(Held(int8), truth, classes), 4);
        }
        return row;

        float[] Held(float[] logits) => [.. held.SelectMany(i => logits.AsSpan(i * classes, classes).ToArray())];
    }

    private static float[] Logits(TaskHead head, float[] features)
    {
        float[] logits = [.. head.Bias];
        for (int c = 0; c < logits.Length; c++) logits[c] += TensorPrimitives.Dot<float>(head.Weight.AsSpan(c * head.Dim, head.Dim), features);
        return logits;
    }

    private static float[][] Features(EdgeEngine engine, LoraAdapter adapter, IReadOnlyList<float[]> pictures, VitArchitecture vit)
    {
        List<float[]> features = [];
        for (int first = 0; first < pictures.Count; first += Batch)
        {
            Progress.Show($"{engine.Precision.Name()}: {first} of {pictures.Count}");
            float[][] batch = [.. pictures.Skip(first).Take(Batch)];
            float[] found = engine.Evaluate(adapter, [.. batch.SelectMany(p => p)], [batch.Length, 3, vit.ImageSize, vit.ImageSize]);
            features.AddRange(found.Chunk(vit.Dim));
        }
        Progress.Clear();
        return [.. features];
    }

    private static TaskHead Classifier(string checkpoint, int dim)
    {
        using SafetensorsFile file = SafetensorsFile.Open(checkpoint);
        float[] bias = file["head.bias"].ToSingles();
        return new TaskHead(bias.Length, dim, file["head.weight"].ToSingles(), bias);
    }

    // A pair of zeros changes nothing, and goes the way that every adapter goes.
    private static LoraAdapter Unchanged(VitArchitecture vit) => WithFeatures(
        new LoraAdapter(1, [.. Enumerable.Range(0, vit.Depth).SelectMany(i => new[] { VitLinear.Query, VitLinear.Value }
            .Select(l => new LoraPair(new LinearId(i, l), 1, vit.Dim, vit.Dim, new float[vit.Dim], new float[vit.Dim])))], new TaskHead(1, vit.Dim, new float[vit.Dim], [0])), vit.Dim);

    // A head that answers with the features themselves.
    private static LoraAdapter WithFeatures(LoraAdapter adapter, int dim)
    {
        float[] identity = new float[dim * dim];
        for (int i = 0; i < dim; i++) identity[(i * dim) + i] = 1;
        return new LoraAdapter(adapter.Scale, adapter.Pairs, new TaskHead(dim, dim, identity, new float[dim]));
    }

    private static void Print(List<JsonObject> rows, string model, bool json)
    {
        if (json)
        {
            Console.WriteLine(new JsonObject { ["benchmark"] = "accuracy", ["model"] = model, ["machine"] = Machine.Describe(), ["rows"] = new JsonArray([.. rows]) }
                .ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            return;
        }
        string[] columns = [.. rows.SelectMany(r => r.Select(p => p.Key)).Distinct()];
        Table table = new Table().Title($"accuracy: {model}, int8 against fp32").AddColumns(columns);
        foreach (JsonObject row in rows) table.AddRow([.. columns.Select(c => Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"{row[c]}")))]);
        AnsiConsole.Write(table);
    }
}
