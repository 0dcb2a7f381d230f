using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Service.Demo;

/// <summary>A picture for a task's inbox. Its name does not tell what it was drawn as, no more than a hospital's would.</summary>
internal sealed record DemoPicture(string Task, string Name, string Label, byte[] Bytes);

/// <summary>The pictures that the demonstration drops into the inboxes: synthetic phantoms.</summary>
internal static class DemoPictures
{
    private static readonly (string Name, Func<Picture, byte[]> Write)[] s_formats =
    [
        ("plain8.png", picture => PngFile.Write(picture, 8)),
        ("deep16.png", picture => PngFile.Write(picture, 16)),
        ("baseline.jpg", JpegFile.Write),
        ("strip.tif", picture => TiffFile.Write(picture, 8)),
        ("deep16.tif", picture => TiffFile.Write(picture, 16)),
        ("rows.bmp", BmpFile.Write),
        ("lossless.webp", WebpFile.Write),
    ];

    /// <summary>One picture a format for a task, of different sizes, every label in turn.</summary>
    public static IEnumerable<DemoPicture> Of(DemoTask task)
    {
        for (int i = 0; i < s_formats.Length; i++)
        {
            int label = i % task.Labels.Count;
            Picture picture = task.Phantom.Draw((ulong)((task.Seed * 100) + i), label, 160 + (16 * i), 120 + (10 * i));
            yield return new DemoPicture(task.Name, $"{task.Name}-{i + 1}-{s_formats[i].Name}", task.Labels[label], s_formats[i].Write(picture));
        }
    }

    /// <summary>What nobody can read: a file that ends too early, and one that is no picture.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Broken()
    {
        byte[] whole = PngFile.Write(Phantom.Chest.Draw(99, 0, 160, 120), 8);
        yield return ("cut-off.png", whole[..(whole.Length / 3)]);
        yield return ("not-a-picture.jpg", "This is not a picture.\n"u8.ToArray());
    }
}
