using System.CommandLine;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdapterPacker;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using Spectre.Console;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// What int8 keeps of a real model's answers on real pictures: of trained tasks; of the checkpoint's own classes; and of the labels of a folder by a
/// head fitted to the fp32 features of its training pictures.
/// </summary>
internal static class AccuracyBenchmark
{
    private const int Batch = 8;

    public static Command Command()
    {
        Option<string> checkpoint = new("--checkpoint") { Description = "A trained checkpoint with its classifier (head.weight, head.bias), mean and deviation 0.5.", Required = true };
        Option<string[]> pictures = new("--pictures") { Description = "Folders of pictures with a labels.csv: file,label,split.", Required = true, AllowMultipleArgumentsPerToken = true };
        Option<string[]> tasks = new("--tasks") { Description = "Bundles of trained tasks, each judged on the folder that has the task's name.", AllowMultipleArgumentsPerToken = true };
        Option<string?> calibration = new("--calibrate") { Description = "Pictures for the import to calibrate with; without, every weight is rounded to the nearest." };
        Option<bool> json = new("--json") { Description = "Print one JSON object instead of a table." };
        Command command = new("accuracy", "Int8 against fp32 on real weights and pictures.") { checkpoint, pictures, tasks, calibration, json };
        command.SetAction(result => Run(
            result.GetValue(checkpoint)!, result.GetValue(pictures)!, result.GetValue(tasks) ?? [], result.GetValue(calibration), result.GetValue(json)));
        return command;
    }

    private static int Run(string checkpoint, string[] folders, string[] tasks, string? calibration, bool json)
    {
        string scratch = Directory.CreateTempSubdirectory("melo-accuracy-").FullName;
        try
        {
            BaseImport.Import(checkpoint, Path.Combine(scratch, "base"), new BaseImportOptions { Precisions = [Precision.Fp32, Precision.Int8], CalibrationFolder = calibration });
            using EdgeEngine fp32 = Load(Precision.Fp32), int8 = Load(Precision.Int8);
            VitArchitecture vit = fp32.Base.Architecture;
            TaskHead classifier = Classifier(checkpoint, vit.Dim);
            LoraAdapter features = Features(vit);
            List<JsonObject> rows = [.. tasks.Select(task => TaskRow(task, folders, fp32, int8))];
            foreach (string folder in folders)
            {
                LabelledPictures labelled = LabelledPictures.Read(folder, BenchmarkModel.Recipe(vit));
                string pictures = Name(folder);
                float[][] exact = Outputs(fp32, features, labelled.Pixels), rounded = Outputs(int8, features, labelled.Pixels);
                rows.Add(new AnswerComparison(Logits(classifier, exact), Logits(classifier, rounded)).Row(pictures, "its own classes"));
                TaskHead fitted = FittedHead.Fit(exact, labelled);
                rows.Add(new AnswerComparison(Logits(fitted, Held(exact)), Logits(fitted, Held(rounded)), labelled.Held().Labels).Row(pictures, "fitted to labels"));

                float[][] Held(float[][] all) => [.. labelled.HeldOut.Select(i => all[i])];
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

    private static JsonObject TaskRow(string path, string[] folders, EdgeEngine fp32, EdgeEngine int8)
    {
        BundleContents bundle = Bundle.OpenUnverified(path);
        AdapterDescription description = bundle.Description;
        if (description.Base != fp32.Base.Digest) throw new InvalidDataException($"{path}: found base {description.Base}, expected {fp32.Base.Digest}, the checkpoint's");
        string folder = folders.FirstOrDefault(f => Name(f) == description.Task)
            ?? throw new InvalidDataException($"{path}: found no folder of that name for the task {description.Task}, expected one among --pictures");
        LabelledPictures held = LabelledPictures.Read(folder, description.Input.Preprocess, description.Head.Labels).Held();
        return new AnswerComparison(Outputs(fp32, bundle.Adapter, held.Pixels), Outputs(int8, bundle.Adapter, held.Pixels), held.Labels).Row(description.Task, "trained");
    }

    private static string Name(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));

    private static float[][] Logits(TaskHead head, float[][] features) => [.. features.Select(f =>
    {
        float[] logits = [.. head.Bias];
        for (int c = 0; c < logits.Length; c++) logits[c] += TensorPrimitives.Dot<float>(head.Weight.AsSpan(c * head.Dim, head.Dim), f);
        return logits;
    })];

    private static float[][] Outputs(EdgeEngine engine, LoraAdapter adapter, IReadOnlyList<float[]> pictures)
    {
        int size = engine.Base.Architecture.ImageSize;
        List<float[]> outputs = [];
        for (int first = 0; first < pictures.Count; first += Batch)
        {
            Progress.Show($"{engine.Precision.Name()}: {first} of {pictures.Count}");
            float[][] batch = [.. pictures.Skip(first).Take(Batch)];
            outputs.AddRange(engine.Evaluate(adapter, [.. batch.SelectMany(p => p)], [batch.Length, 3, size, size]).Chunk(adapter.Head.Classes));
        }
        Progress.Clear();
        return [.. outputs];
    }

    private static TaskHead Classifier(string checkpoint, int dim)
    {
        using SafetensorsFile file = SafetensorsFile.Open(checkpoint);
        float[] bias = file["head.bias"].ToSingles();
        return new TaskHead(bias.Length, dim, file["head.weight"].ToSingles(), bias);
    }

    // The base as it is, with a head that answers with the features themselves. A pair of zeros changes nothing, and goes the way that every adapter goes.
    private static LoraAdapter Features(VitArchitecture vit)
    {
        float[] identity = new float[vit.Dim * vit.Dim];
        for (int i = 0; i < vit.Dim; i++) identity[(i * vit.Dim) + i] = 1;
        return new LoraAdapter(1, [.. Enumerable.Range(0, vit.Depth).SelectMany(i => new[] { VitLinear.Query, VitLinear.Value }
            .Select(l => new LoraPair(new LinearId(i, l), 1, vit.Dim, vit.Dim, new float[vit.Dim], new float[vit.Dim])))], new TaskHead(vit.Dim, vit.Dim, identity, new float[vit.Dim]));
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
