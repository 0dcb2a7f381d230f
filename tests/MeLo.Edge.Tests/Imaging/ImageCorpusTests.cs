using System.Diagnostics;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>
/// 1,329 odd and hostile files, beside what Pillow 9.4 made of each (INDEX.tsv). Where this project decides otherwise, docs/image-formats.md
/// says so with a reason, and lists exactly those files.
/// </summary>
public sealed class ImageCorpusTests
{
    // Far over what any of them takes (0.2 s), far under a hang.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task EveryFile_IsDecodedOrRefusedAsDocumented()
    {
        string folder = SharedData.Data("images");
        List<string> onlyPillow = [], onlyOurs = [], otherSize = [];
        (TimeSpan slowest, string slowestFile) = (TimeSpan.Zero, "");
        long before = ResidentBytes();
        foreach (string line in File.ReadLines(Path.Combine(folder, "INDEX.tsv")).Skip(1))
        {
            string[] fields = line.Split('\t');
            (string name, string outcome) = (fields[0], fields[2]);
            byte[] file = await File.ReadAllBytesAsync(Path.Combine(folder, name), TestContext.Current.CancellationToken);
            Stopwatch watch = Stopwatch.StartNew();
            string? size = await Task.Run(() => Decode(file)).WaitAsync(s_patience, TestContext.Current.CancellationToken);
            if (watch.Elapsed > slowest) (slowest, slowestFile) = (watch.Elapsed, name);

            bool pillow = outcome.StartsWith("OK ", StringComparison.Ordinal);
            if (pillow && size is null) onlyPillow.Add(name);
            if (!pillow && size is not null) onlyOurs.Add(name);
            if (pillow && size is not null && outcome.Split(' ')[3] != size) otherSize.Add($"{name}: {outcome}, here {size}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"slowest {slowest.TotalMilliseconds:F0} ms ({slowestFile}), resident memory grew by {(ResidentBytes() - before) >> 20} MiB");

        Assert.Empty(otherSize);
        Assert.Equal(Documented("Pillow decodes, this refuses:"), Sorted(onlyPillow));
        Assert.Equal(Documented("This decodes, Pillow refuses:"), Sorted(onlyOurs));
        Assert.True(ResidentBytes() - before < 512L << 20, "the corpus has no picture over 8 megapixels, yet resident memory grew by over 512 MiB");
    }

    private static string? Decode(byte[] file)
    {
        try
        {
            PixelBuffer image = RasterDecoder.Decode(file);
            return $"{image.Width}x{image.Height}";
        }
        catch (ImageException e)
        {
            Assert.False(string.IsNullOrWhiteSpace(e.Message));
            return null;
        }
    }

    private static List<string> Documented(string heading) => Sorted(
        File.ReadLines(Path.Combine(SharedData.RepositoryRoot, "docs", "image-formats.md"))
            .SkipWhile(line => line != heading).Skip(1).SkipWhile(line => !line.StartsWith('|')).TakeWhile(line => line.StartsWith('|'))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('`')[1]));

    private static List<string> Sorted(IEnumerable<string> names) => [.. names.Order(StringComparer.Ordinal)];

    private static long ResidentBytes()
    {
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
