using MeLo.Edge.Bundles;
using MeLo.Edge.Models;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Demo;

/// <summary>
/// Makes a data folder to try the service with: base package, key, bundles good and bad, pictures good and bad. Everything is made by the
/// code that real ones are made by; only the pictures that the model learnt from were drawn, like those that it is shown here.
/// </summary>
internal sealed class DemoFolder(DataFolder folder, TimeProvider time)
{
    public const string Notice =
        "Synthetic phantoms: the model learnt from drawn pictures and is shown drawn pictures. Not for clinical use.";

    // Says that everything here is the demonstration's own, to be made again if it was interrupted.
    private const string MarkerName = "demo.json";

    private string Marker => Path.Combine(folder.Root, MarkerName);

    /// <summary>Prepares the folder, or drops the same files again into one that was prepared before.</summary>
    /// <exception cref="ServiceException">The folder is a real installation's.</exception>
    public void Prepare()
    {
        if (!File.Exists(Marker) && Directory.Exists(folder.Base))
            throw ServiceException.NotADemo(folder.Root);
        folder.Create();
        bool isComplete = File.Exists(Marker) && File.ReadAllText(Marker).Contains("\"complete\": true", StringComparison.Ordinal);
        if (!isComplete)
        {
            Mark(complete: false);
            MakeBase();
            MakeBundles();
            Mark(complete: true);
        }
        DropPictures();
    }

    private void Mark(bool complete) => DurableFile.Write(
        Marker, System.Text.Encoding.UTF8.GetBytes($$"""{ "schema": "melo.demo/1", "complete": {{(complete ? "true" : "false")}}, "notice": "{{Notice}}" }""" + "\n"));

    private void MakeBase()
    {
        if (Directory.Exists(folder.Base)) Directory.Delete(folder.Base, recursive: true);
        string checkpoint = Path.Combine(folder.State, "demo-checkpoint.safetensors");
        DemoAssets.WriteCheckpoint(checkpoint);
        BaseImport.Import(checkpoint, folder.Base, new BaseImportOptions { Heads = DemoAssets.Heads, Time = time });
        File.Delete(checkpoint);
    }

    private void MakeBundles()
    {
        // The private key is needed for this moment only: nobody can sign for this folder later.
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        using SigningKey stranger = SigningKey.Generate(SigningCurve.P256);
        DurableFile.Write(Path.Combine(folder.Trust, "demo-signing.pub.pem"), System.Text.Encoding.ASCII.GetBytes(key.ExportPublicPem()));
        foreach (string task in (IEnumerable<string>)[.. DemoTask.All.Select(t => t.Name), DemoVolumes.TaskName]) Drop(task, DemoAssets.Bundle(task, key));
        byte[] tampered = DemoAssets.Bundle(DemoTask.All[0].Name, key);
        tampered[tampered.Length / 2] ^= 0x01;
        Drop("tampered", tampered);
        Drop("unsigned", DemoAssets.Bundle(DemoTask.All[1].Name));
        Drop("unknown-signer", DemoAssets.Bundle(DemoTask.All[2].Name, stranger));

        void Drop(string name, byte[] bytes) => DurableFile.Write(Path.Combine(folder.Bundles, name + ".melo"), bytes);
    }

    private void DropPictures()
    {
        DemoPicture[] drawn = [.. DemoTask.All.SelectMany(DemoPictures.Of), .. DemoVolumes.Drawn()];
        DemoTruth.Write(folder, drawn);
        List<(string Task, string Name, byte[] Bytes)> pictures = [.. drawn.Select(p => (p.Task, p.Name, p.Bytes))];
        pictures.AddRange(DemoPictures.Broken().Select(p => (DemoTask.All[0].Name, p.Name, p.Bytes)));
        // The same content under another name: one result is enough.
        pictures.Add((DemoTask.All[1].Name, "copy-of-1.png", pictures.First(p => p.Task == DemoTask.All[1].Name).Bytes));
        foreach ((string task, string name, byte[] bytes) in pictures)
        {
            folder.CreateTask(task);
            DurableFile.Write(Path.Combine(folder.Inbox, task, name), bytes);
        }
    }
}
