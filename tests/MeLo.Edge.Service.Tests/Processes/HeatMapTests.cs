using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Heat maps beside results, with the real service: as many as asked for, once each, whatever happens to the process.</summary>
public sealed class HeatMapTests : IDisposable
{
    private static readonly string s_task = Installation.Tasks[0];

    private readonly Installation _installation = new();

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void HeatMaps_LieBesideTheResult_AsTheSettingSays()
    {
        DemoTask task = DemoTask.All[0];
        _installation.AddBundle(task.Name, Installation.Bundle(task, 2, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        byte[] image = TestDicom.Gray(400, 200, [.. Enumerable.Range(0, 400 * 200).Select(i => (short)(i % 400))], more: d => d.Text(0x00100010, "PN", "DOE^JANE").Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8")).File();
        _installation.Drop(task.Name, "a.dcm", image);
        _installation.Drop(task.Name, "b.png", Installation.Picture(1));
        (int code, string output, string errors) = Once(("HEATMAP", "both"));
        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Equal([".heat.dcm", ".heat.png", ".json"], EndingsOf("a.dcm"));
        Assert.Equal([".heat.png", ".json"], EndingsOf("b.png"));
        Assert.Equal(["a.dcm", "b.png"], _installation.Processed(task.Name));
        byte[] picture = Read("a.dcm", ".heat.png"), capture = Read("a.dcm", ".heat.dcm");
        PixelBuffer drawn = RasterDecoder.Decode(picture);
        Assert.Equal((400, 200, 3), (drawn.Width, drawn.Height, drawn.Channels));
        Assert.Equal(drawn.Samples<byte>().ToArray(), DicomDecoder.Decode(capture, DicomVoi.Range).Samples<byte>().ToArray());
        Assert.Contains("DOE^JANE", Encoding.Latin1.GetString(capture), StringComparison.Ordinal);
        Assert.DoesNotContain("DOE", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("no heat map", errors, StringComparison.Ordinal);

        // Dropped again after they were fetched, the same come again, byte by byte; what is still there stays.
        File.Delete(PathOf("a.dcm", ".heat.dcm"));
        File.WriteAllBytes(PathOf("a.dcm", ".heat.png"), [1]);
        _installation.Drop(task.Name, "a.dcm", image);
        Once(("HEATMAP", "both"));
        Assert.Equal(capture, Read("a.dcm", ".heat.dcm"));
        Assert.Equal([1], Read("a.dcm", ".heat.png"));

        // Another release's result has none of the old ones, even where it gets no new ones.
        _installation.AddBundle(task.Name, Installation.Bundle(task, 3, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        _installation.Drop(task.Name, "a.dcm", image);
        Once(("HEATMAP", "off"));
        Assert.Equal([".json"], EndingsOf("a.dcm"));
        Assert.Equal([".heat.png", ".json"], EndingsOf("b.png"));
    }

    [Theory]
    [InlineData("png", true, ".heat.png,.json")]
    [InlineData("dicom", false, ".json")]
    [InlineData("off", false, ".json")]
    public void Notice_CanBeLeftOut_AndPicturesHaveNoCapture(string setting, bool hasPicture, string endings)
    {
        _installation.Drop(s_task, "b.png", Installation.Picture(1));
        Assert.Equal(0, Once(("HEATMAP", setting)).Code);
        Assert.Equal(endings, string.Join(',', EndingsOf("b.png")));
        if (!hasPicture) return;
        byte[] with = Read("b.png", ".heat.png");
        File.Delete(PathOf("b.png", ".heat.png"));
        _installation.Drop(s_task, "b.png", Installation.Picture(1));
        Assert.Equal(0, Once(("HEATMAP", setting), ("HEATMAPNOTICE", "false")).Code);
        byte[] without = Read("b.png", ".heat.png");
        PixelBuffer noticed = RasterDecoder.Decode(with), plain = RasterDecoder.Decode(without);
        Assert.Equal((plain.Width, plain.Height), (noticed.Width, noticed.Height));
        Assert.Equal(plain.Samples<byte>()[..300].ToArray(), noticed.Samples<byte>()[..300].ToArray());
        Assert.NotEqual(plain.Samples<byte>().ToArray(), noticed.Samples<byte>().ToArray());
    }

    [Fact]
    public void StoppedOrKilledBetweenResultAndHeatMap_EveryResultIsThereOnce_AndGetsItsHeatMap()
    {
        const int Images = 90;
        for (int i = 0; i < Images; i++) _installation.Drop(s_task, $"image-{i}.png", Installation.Picture(i));
        Dictionary<string, byte[]> seen = [];
        int killedBetween = 0;
        for (int run = 1; run <= 3; run++)
        {
            using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [("MELO__RESULTS__HEATMAP", "png")]);
            service.WaitUntil(() => Count(".heat.png") >= Math.Min(Images - 5, 15 * run), "there were heat maps");
            if (run == 2) service.Terminate();
            else service.Kill();
            if (run == 2) Assert.Equal(0, service.WaitForExit());
            if (Count(".json") > Count(".heat.png")) killedBetween++;
            foreach (string name in _installation.Outbox(s_task).Where(n => n.EndsWith(".json", StringComparison.Ordinal)))
            {
                byte[] bytes = File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, s_task, name));
                if (!seen.TryAdd(name, bytes)) Assert.Equal(seen[name], bytes);
            }
            // A result that was fetched before the crash does not come again.
            foreach (string name in seen.Keys) File.Delete(Path.Combine(_installation.Data.Outbox, s_task, name));
        }
        Assert.True(killedBetween > 0, "heat maps were always as far as results");
        (int code, string output, string errors) = Once(("HEATMAP", "png"));
        Assert.True(code == 0, output + errors);
        string[] left = [.. _installation.Outbox(s_task).Where(n => n.EndsWith(".json", StringComparison.Ordinal))];
        // One at most a kill had been written and not noted.
        Assert.InRange(left.Intersect(seen.Keys).Count(), 0, 2);
        Assert.Equal(Images, seen.Keys.Union(left).Count());
        Assert.Equal(Images, Count(".heat.png"));
        Assert.Empty(_installation.Inbox(s_task));
        Assert.Equal(Images, _installation.Processed(s_task).Length);
        Assert.Equal(Images, Settlement.Scalar(_installation, "SELECT count(*) FROM job WHERE state = 2 AND attempts = 0"));
        Assert.Equal(Images, Settlement.Scalar(_installation, "SELECT count(*) FROM audit WHERE event = 'result'"));
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(_installation.Data.Outbox, s_task)), f => Path.GetFileName(f).StartsWith('.'));
        foreach (string name in _installation.Outbox(s_task).Where(n => n.EndsWith(".png", StringComparison.Ordinal))) RasterDecoder.Decode(File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, s_task, name)));
    }

    private (int Code, string Output, string Errors) Once(params (string Key, string Value)[] results) =>
        ServiceProcess.Once(_installation.Data.Root, [.. results.Select(r => ($"MELO__RESULTS__{r.Key}", r.Value))]);

    private int Count(string ending) => _installation.Outbox(s_task).Count(n => n.EndsWith(ending, StringComparison.Ordinal));

    // What comes behind NAME.<12 hex>.
    private string[] EndingsOf(string input) =>
        [.. _installation.Outbox(s_task).Where(n => n.StartsWith(input + ".", StringComparison.Ordinal)).Select(n => n[(input.Length + 13)..]).Order(StringComparer.Ordinal)];

    private string PathOf(string input, string ending) =>
        Path.Combine(_installation.Data.Outbox, s_task, Assert.Single(_installation.Outbox(s_task), n => n.StartsWith(input + ".", StringComparison.Ordinal) && n.EndsWith(".json", StringComparison.Ordinal))[..^5] + ending);

    private byte[] Read(string input, string ending) => File.ReadAllBytes(PathOf(input, ending));
}
