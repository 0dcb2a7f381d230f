using System.Text;
using MeLo.Edge.Phantoms;

namespace AdapterTrainer;

/// <summary>A set of drawn pictures as files: a folder of PNG files per class, and <c>labels.csv</c>, which says each one's label and what it is for.</summary>
internal static class PhantomFolder
{
    /// <summary>The name of the list.</summary>
    public const string ListName = "labels.csv";

    /// <summary>Draws the samples, square, and writes them; the list last.</summary>
    public static void Write(string folder, Phantom kind, IReadOnlyList<PhantomSample> samples, int size, CancellationToken cancellation)
    {
        foreach (string label in kind.Labels) Directory.CreateDirectory(Path.Combine(folder, label));
        string[] names = [.. samples.Select((s, i) => $"{kind.Labels[s.Label]}/{i:D6}.png")];
        Parallel.For(0, samples.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
            File.WriteAllBytes(Path.Combine(folder, names[i]), PngFile.Write(kind.Draw(samples[i].Seed, samples[i].Label, size, size), 8)));
        StringBuilder list = new("path,label,split\n");
        for (int i = 0; i < names.Length; i++) list.Append(names[i]).Append(',').Append(kind.Labels[samples[i].Label]).Append(',').Append(samples[i].Part.ToString().ToLowerInvariant()).Append('\n');
        File.WriteAllText(Path.Combine(folder, ListName), list.ToString());
    }
}
