using MeLo.Edge.Engine;

namespace MeLo.Edge.Benchmarks;

/// <summary>What a device has on its disk before it starts, in a folder beside the model's.</summary>
internal sealed class StartFiles(string folder)
{
    public const string Task = "task";

    public string Folder => folder;

    /// <summary>The service's data folder: trust, one bundle, and the base by a link.</summary>
    public string Data => Path.Combine(folder, "data");

    public string Trust => Path.Combine(Data, "trust");

    public string Base => Path.Combine(Data, "base");

    public string Bundle => Path.Combine(Data, "bundles", $"{Task}.melo");

    public string Inbox => Path.Combine(Data, "inbox", Task);

    public string Outbox => Path.Combine(Data, "outbox", Task);

    public string Picture => Path.Combine(folder, "picture.png");

    /// <summary>The exported models.</summary>
    public string Model(StartSide side) => Path.Combine(folder, "merged", side switch
    {
        StartSide.OrtFp32 => "model.onnx",
        StartSide.OrtFp32Mapped => "model-beside-weights.onnx",
        StartSide.OrtInt8 => "model-int8.onnx",
        _ => throw new ArgumentOutOfRangeException(nameof(side), side, null),
    });

    /// <summary>Makes them: the service's data folder with one signed bundle that runs in either precision, and a picture.</summary>
    public static StartFiles Write(BenchmarkModel model, int threads)
    {
        StartFiles files = new(model.Folder);
        foreach (string made in new[] { files.Trust, Path.GetDirectoryName(files.Bundle)!, files.Inbox }) Directory.CreateDirectory(made);
        Directory.CreateSymbolicLink(files.Base, model.BaseFolder);
        using EdgeEngine engine = model.LoadWithCache(threads, null);
        File.WriteAllBytes(files.Bundle, model.WriteBundle(engine, Task, model.Adapter, model.MakeProbe(engine, model.Adapter)));
        model.WritePublicKey(Path.Combine(files.Trust, "key.pem"));
        File.WriteAllBytes(files.Picture, MakePicture(0));
        return files;
    }

    /// <summary>A picture as it may come from a device: 512 x 512, RGB, PNG.</summary>
    public static byte[] MakePicture(int seed) => PreprocessBenchmark.Png(512, bitDepth: 8, colourType: 2, channels: 3, seed);
}
