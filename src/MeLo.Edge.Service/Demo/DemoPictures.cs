namespace MeLo.Edge.Service.Demo;

/// <summary>The pictures that the demonstration drops into the inboxes.</summary>
internal static class DemoPictures
{
    private static readonly (string Name, Func<DemoImage, byte[]> Write)[] s_formats =
    [
        ("plain8.png", image => PngFile.Write(image, 8)),
        ("deep16.png", image => PngFile.Write(image, 16)),
        ("baseline.jpg", JpegFile.Write),
        ("strip.tif", image => TiffFile.Write(image, 8)),
        ("deep16.tif", image => TiffFile.Write(image, 16)),
        ("rows.bmp", BmpFile.Write),
        ("lossless.webp", WebpFile.Write),
    ];

    /// <summary>One picture a format for a task, of different sizes.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Of(DemoTask task)
    {
        for (int i = 0; i < s_formats.Length; i++)
        {
            DemoImage image = DemoImage.Generate((task.Seed * 100) + i, 160 + (16 * i), 120 + (10 * i), task.Colour);
            yield return ($"{task.Name}-{i + 1}-{s_formats[i].Name}", s_formats[i].Write(image));
        }
    }

    /// <summary>What nobody can read: a file that ends too early, and one that is no picture.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Broken()
    {
        byte[] whole = PngFile.Write(DemoImage.Generate(99, 160, 120, colour: false), 8);
        yield return ("cut-off.png", whole[..(whole.Length / 3)]);
        yield return ("not-a-picture.jpg", "This is not a picture.\n"u8.ToArray());
    }
}
