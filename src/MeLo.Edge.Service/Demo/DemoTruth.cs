using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Demo;

/// <summary>
/// What the demonstration's pictures were drawn as: a list beside the folders that the service works in, never in them. A picture is known by
/// its digest, because the same one may come under another name.
/// </summary>
internal sealed class DemoTruth
{
    private const string Name = "demo-truth.csv";
    private const string Header = "task,sha256,label";

    private readonly Dictionary<(string Task, string Sha256), string> _labels = [];

    private DemoTruth()
    {
    }

    /// <summary>What a picture was drawn as; null when the demonstration did not draw it.</summary>
    public string? Of(string task, string sha256) => _labels.GetValueOrDefault((task, sha256));

    /// <summary>Writes the list.</summary>
    public static void Write(DataFolder folder, IEnumerable<DemoPicture> pictures)
    {
        StringBuilder list = new(Header + "\n");
        foreach (DemoPicture picture in pictures) list.Append(picture.Task).Append(',').Append(Convert.ToHexStringLower(SHA256.HashData(picture.Bytes))).Append(',').Append(picture.Label).Append('\n');
        DurableFile.Write(Path.Combine(folder.Root, Name), Encoding.UTF8.GetBytes(list.ToString()));
    }

    /// <summary>Reads the list.</summary>
    public static DemoTruth Read(DataFolder folder)
    {
        DemoTruth truth = new();
        foreach (string line in File.ReadLines(Path.Combine(folder.Root, Name)).Skip(1))
        {
            string[] fields = line.Split(',');
            truth._labels.Add((fields[0], fields[1]), fields[2]);
        }
        return truth;
    }
}
