using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Service;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests;

/// <summary>A data folder with a small base, one trusted key and bundles signed with it: what an administrator would have set up.</summary>
internal sealed class Installation : IDisposable
{
    // One base and one key serve every test; making the base is most of the work.
    private static readonly Lazy<(string Base, EdgeEngine Engine, SigningKey Key, SigningKey Stranger)> s_shared = new(Share);
    private static readonly Lazy<string> s_everyPrecision = new(() => ImportBase(Enum.GetValues<Precision>()));

    private readonly TemporaryFolder? _temporary;

    public Installation(string? root = null, bool withTasks = true, bool everyPrecision = false)
    {
        _temporary = root is null ? new TemporaryFolder() : null;
        Data = new DataFolder(root ?? _temporary!.Root);
        Data.Create();
        Directory.CreateDirectory(Data.Base);
        foreach (string file in Directory.GetFiles(everyPrecision ? s_everyPrecision.Value : s_shared.Value.Base)) File.Copy(file, Path.Combine(Data.Base, Path.GetFileName(file)));
        Trust(Key, "key.pem");
        if (!withTasks) return;
        foreach (DemoTask task in DemoTask.All) AddBundle(task.Name, Bundle(task, 1));
    }

    public DataFolder Data { get; }

    public static SigningKey Key => s_shared.Value.Key;

    public static SigningKey Stranger => s_shared.Value.Stranger;

    public static IReadOnlyList<string> Tasks { get; } = [.. DemoTask.All.Select(t => t.Name)];

    public static byte[] Bundle(DemoTask task, int release, SigningKey? key = null, bool signed = true, DateTimeOffset? created = null)
    {
        lock (s_shared) return GeneratedBundle.Make(s_shared.Value.Engine, task, release, signed ? key ?? Key : null, created ?? DateTimeOffset.UtcNow);
    }

    /// <summary>A trusted bundle whose description is another than the generated ones'.</summary>
    public static byte[] Bundle(DemoTask task, int release, Func<AdapterDescription, AdapterDescription> change)
    {
        BundleContents made = MeLo.Edge.Bundles.Bundle.OpenUnverified(Bundle(task, release, signed: false), task.Name);
        return BundleWriter.Write(change(made.Description), made.Adapter, made.Probe, preview: null, Key);
    }

    public void Trust(SigningKey key, string name) => File.WriteAllText(Path.Combine(Data.Trust, name), key.ExportPublicPem());

    public string AddBundle(string name, byte[] bytes)
    {
        string path = Path.Combine(Data.Bundles, name + ".melo");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Drops a file into an inbox as a scanner would: under a temporary name first.</summary>
    public string Drop(string task, string name, byte[] bytes)
    {
        string folder = Path.Combine(Data.Inbox, task);
        Directory.CreateDirectory(folder);
        string temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        File.WriteAllBytes(temporary, bytes);
        string path = Path.Combine(folder, name);
        File.Move(temporary, path, overwrite: true);
        return path;
    }

    /// <summary>A small picture; every number gives other bytes.</summary>
    public static byte[] Picture(int number) => PngFile.Write(Phantom.Chest.Draw((ulong)number, 0, 24, 20), 8);

    public string[] Inbox(string task) => Names(Path.Combine(Data.Inbox, task));

    public string[] Outbox(string task) => Names(Path.Combine(Data.Outbox, task));

    public string[] Processed(string task) => Names(Path.Combine(Data.Processed, task));

    public string[] Quarantine(string task) => Names(Path.Combine(Data.Quarantine, task));

    public void Dispose() => _temporary?.Dispose();

    private static string[] Names(string folder) => Directory.Exists(folder)
        ? [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Where(f => !f.StartsWith('.')).Order(StringComparer.Ordinal)] : [];

    private static (string, EdgeEngine, SigningKey, SigningKey) Share()
    {
        string package = ImportBase(Precision.Fp32);
        return (package, EdgeEngine.Load(package, new EdgeEngineOptions { Threads = 1 }), SigningKey.Generate(SigningCurve.P256), SigningKey.Generate(SigningCurve.P256));
    }

    private static string ImportBase(params Precision[] precisions)
    {
        TemporaryFolder folder = new();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        GeneratedModel.WriteCheckpoint(folder["checkpoint.safetensors"]);
        BaseImport.Import(folder["checkpoint.safetensors"], folder["base"], new BaseImportOptions { Heads = GeneratedModel.Heads, Precisions = precisions });
        return folder["base"];
    }
}
