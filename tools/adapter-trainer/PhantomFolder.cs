using System.Globalization;
using System.Text;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Training.Data;

namespace AdapterTrainer;

/// <summary>A set of drawn pictures as files: a folder of PNG files per class, <c>labels.csv</c>, which says each one's label and what it is for, and <c>NOTICE.txt</c>, which says what they are.</summary>
internal static class PhantomFolder
{
    /// <summary>The name of the list.</summary>
    public const string ListName = "labels.csv";

    /// <summary>Draws the samples, square, and writes them; the list last.</summary>
    public static void Write(string folder, Phantom kind, IReadOnlyList<PhantomSample> samples, int size, CancellationToken cancellation)
    {
        foreach (string label in kind.Labels) Directory.CreateDirectory(Path.Combine(folder, label));
        File.WriteAllText(Path.Combine(folder, DatasetNotice.FileName), PhantomSet.Notice + "\n");
        StringBuilder list = new("path,label,split\n");
        int number = 0;
        foreach ((PhantomSample sample, byte[] file) in PhantomSet.Draw(samples, s => PngFile.Write(kind.Draw(s.Seed, s.Label, size, size), 8), cancellation))
        {
            string label = kind.Labels[sample.Label], name = string.Create(CultureInfo.InvariantCulture, $"{label}/{number++:D6}.png");
            File.WriteAllBytes(Path.Combine(folder, name), file);
            list.Append(name).Append(',').Append(label).Append(',').Append(sample.Part.ToString().ToLowerInvariant()).Append('\n');
        }
        File.WriteAllText(Path.Combine(folder, ListName), list.ToString());
    }
}
