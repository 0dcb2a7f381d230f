using System.IO.Compression;
using System.Text;

namespace MeLo.Edge.Phantoms;

/// <summary>
/// Writes sets of samples as MedMNIST's files have them: a ZIP archive of NumPy arrays (NPY format, version 1.0), <c>train_images</c>
/// [n, height, width], [n, height, width, 3] or [n, slices, height, width] and <c>train_labels</c> [n, 1], unsigned bytes both, and the same for <c>val</c> and
/// <c>test</c> where there are samples for them; and <c>NOTICE.txt</c>, which says that they are phantoms.
/// </summary>
public static class MedMnistFile
{
    private const string NoticeName = "NOTICE.txt";

    // A set's bytes depend on nothing but the set.
    private static readonly DateTimeOffset s_noDate = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes a set.</summary>
    /// <param name="stream">Where to; it can seek.</param>
    /// <param name="samples">The set.</param>
    /// <param name="shape">One sample's dimensions.</param>
    /// <param name="draw">Draws one: as many bytes as the shape has. Called on several threads.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static void Write(Stream stream, IReadOnlyList<PhantomSample> samples, IReadOnlyList<int> shape, Func<PhantomSample, byte[]> draw, CancellationToken cancellation = default)
    {
        using ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach ((PhantomPart part, string name) in (ReadOnlySpan<(PhantomPart, string)>)[(PhantomPart.Train, "train"), (PhantomPart.Validation, "val"), (PhantomPart.Test, "test")])
        {
            PhantomSample[] those = [.. samples.Where(s => s.Part == part)];
            if (those.Length == 0) continue;
            using (Stream images = Open(archive, $"{name}_images", [those.Length, .. shape]))
                foreach ((_, byte[] drawn) in PhantomSet.Draw(those, draw, cancellation)) images.Write(drawn);
            using Stream labels = Open(archive, $"{name}_labels", [those.Length, 1]);
            labels.Write([.. those.Select(s => checked((byte)s.Label))]);
        }
        using Stream notice = Open(archive, NoticeName);
        notice.Write(Encoding.UTF8.GetBytes(PhantomSet.Notice));
    }

    private static Stream Open(ZipArchive archive, string name, IEnumerable<int> shape)
    {
        Stream stream = Open(archive, name + ".npy");
        stream.Write(NpyFile.Header(shape));
        return stream;
    }

    private static Stream Open(ZipArchive archive, string name)
    {
        ZipArchiveEntry entry = archive.CreateEntry(name, CompressionLevel.Fastest);
        entry.LastWriteTime = s_noDate;
        return entry.Open();
    }
}
