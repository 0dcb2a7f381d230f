using System.Globalization;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Volumes in the inbox of the real program: files, folders of series, and slices that come alone.</summary>
public sealed class VolumeTests : IDisposable
{
    private const int Slices = 6;

    private static readonly DemoTask s_task = DemoTask.All[0];
    private static readonly (string, string)[] s_quick = [("MELO__SERIESINTERVALMS", "400")];

    private readonly Installation _installation = new(withTasks: false);

    public VolumeTests() => _installation.AddBundle(s_task.Name, Installation.Bundle(
        s_task, 1, d => d with { Input = d.Input with { Dicom = DicomVoi.Window(0, 2000), Volume = new VolumeRecipe(VolumeAxes.Axial, Slices, SliceAggregation.MeanLogits) } }));

    private string Inbox => Path.Combine(_installation.Data.Inbox, s_task.Name);

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void OneVolumeInManyForms_HasOneAnswer()
    {
        TestVolume volume = TestVolume.Make(Slices, 20, 16);
        _installation.Drop(s_task.Name, "a.npy", volume.Npy());
        _installation.Drop(s_task.Name, "b.nii.gz", volume.Nifti(isCompressed: true));
        _installation.Drop(s_task.Name, "c.dcm", volume.Frames([3, 1, 0, 2, 5, 4]));
        foreach ((byte[] slice, int i) in volume.Slices().Select((s, i) => (s, i))) _installation.Drop(Path.Combine(s_task.Name, "scan"), $"IM{i}", slice);
        foreach ((byte[] slice, int i) in volume.Slices(series: "1.2.3.9").Select((s, i) => (s, i))) _installation.Drop(Path.Combine(s_task.Name, "stat"), $"loose-{i}.dcm", slice);

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Contains("5 results, 0 duplicates, 0 quarantined", output, StringComparison.Ordinal);
        JsonElement[] results = [.. Results()];
        Assert.Equal(5, results.Length);
        Assert.All(results, r => Assert.Equal(results[0].GetProperty("scores").GetRawText(), r.GetProperty("scores").GetRawText()));
        Assert.Equal(["a.npy", "b.nii.gz", "c.dcm", "scan.zip"], _installation.Processed(s_task.Name).Where(n => !n.StartsWith("series-", StringComparison.Ordinal)));
        Assert.Single(_installation.Processed(s_task.Name), n => n.StartsWith("series-", StringComparison.Ordinal));
        Assert.Empty(_installation.Inbox(s_task.Name));
        Assert.Equal([Path.Combine(Inbox, "stat")], Directory.GetDirectories(Inbox));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Inbox, "stat")));
    }

    [Fact]
    public void FolderOfSeveralSeriesAndOtherFiles_IsTakenApart()
    {
        TestVolume first = TestVolume.Make(Slices, 20, 16), second = TestVolume.Make(Slices, 20, 16, seed: 2);
        string folder = Path.Combine(s_task.Name, "export");
        foreach ((byte[] slice, int i) in first.Slices().Concat(second.Slices(series: "1.2.3.8")).Select((s, i) => (s, i))) _installation.Drop(folder, $"IM{i}", slice);
        _installation.Drop(folder, "third.npy", TestVolume.Make(Slices, 20, 16, seed: 3).Npy());
        _installation.Drop(folder, "readme.txt", "hello"u8.ToArray());

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Contains("3 results, 0 duplicates, 1 quarantined", output, StringComparison.Ordinal);
        Assert.Equal(["readme.txt", "readme.txt.reason.json"], _installation.Quarantine(s_task.Name));
        Assert.False(Directory.Exists(Path.Combine(_installation.Data.Inbox, folder)));
    }

    [Fact]
    public void SeriesWithAGap_IsQuarantinedWhole_WithTheReason()
    {
        byte[][] slices = TestVolume.Make(Slices + 2, 20, 16).Slices();
        for (int i = 0; i < slices.Length; i++)
            if (i != 3) _installation.Drop(Path.Combine(s_task.Name, "scan"), $"IM{i}", slices[i]);

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Equal(["scan.zip", "scan.zip.reason.json"], _installation.Quarantine(s_task.Name));
        string quarantine = Path.Combine(_installation.Data.Quarantine, s_task.Name);
        Assert.Contains("a gap: 5 mm behind slice 3 of 7", File.ReadAllText(Path.Combine(quarantine, "scan.zip.reason.json")), StringComparison.Ordinal);
        // Nothing is lost: every slice is in there.
        Assert.Equal(slices.Where((_, i) => i != 3).Select(Settlement.Sha256).Order(), SeriesArchive.Open(File.ReadAllBytes(Path.Combine(quarantine, "scan.zip"))).Select(f => Settlement.Sha256(f.ToArray())).Order());
    }

    [Fact]
    public void FolderWithAFileThatCannotBeRead_IsQuarantinedWhole()
    {
        Nobody.SkipUnlessPossible();
        foreach ((byte[] slice, int i) in TestVolume.Make(Slices, 20, 16).Slices().Select((s, i) => (s, i))) _installation.Drop(Path.Combine(s_task.Name, "scan"), $"IM{i}", slice);
        string unreadable = _installation.Drop(Path.Combine(s_task.Name, "scan"), "locked", [1, 2, 3]);
        Nobody.RunOnce(_installation, unreadable, s_quick);
        Assert.Equal(["scan.reason.json"], _installation.Quarantine(s_task.Name));
        Assert.Equal(Slices + 1, Directory.GetFiles(Path.Combine(_installation.Data.Quarantine, s_task.Name, "scan")).Length);
        Assert.Contains("unreadable-file", File.ReadAllText(Path.Combine(_installation.Data.Quarantine, s_task.Name, "scan.reason.json")), StringComparison.Ordinal);
        Assert.Empty(_installation.Outbox(s_task.Name));
    }

    [Fact]
    public void FoldersBelowFolders_AreSeriesOfTheirOwn()
    {
        string patient = Path.Combine(s_task.Name, "patient");
        foreach ((byte[] slice, int i) in TestVolume.Make(Slices, 20, 16).Slices().Select((s, i) => (s, i))) _installation.Drop(patient, $"IM{i}", slice);
        foreach ((byte[] slice, int i) in TestVolume.Make(Slices, 20, 16, seed: 2).Slices(series: "1.2.3.8").Select((s, i) => (s, i))) _installation.Drop(Path.Combine(patient, "second"), $"IM{i}", slice);
        _installation.Drop(Path.Combine(patient, "second", "third"), "a.npy", TestVolume.Make(Slices, 20, 16, seed: 3).Npy());

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Equal(["a.npy", "patient-second.zip", "patient.zip"], _installation.Processed(s_task.Name));
        Assert.False(Directory.Exists(Path.Combine(_installation.Data.Inbox, patient)));
    }

    [Fact]
    public void BrokenSlice_RefusesItsSeries()
    {
        byte[][] slices = TestVolume.Make(Slices + 1, 20, 16).Slices();
        for (int i = 0; i < slices.Length; i++) _installation.Drop(Path.Combine(s_task.Name, "scan"), $"IM{i}", i == Slices ? slices[i][..^200] : slices[i]);

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Equal(["scan.zip", "scan.zip.reason.json"], _installation.Quarantine(s_task.Name));
        Assert.Empty(_installation.Outbox(s_task.Name));
        Assert.Equal(Slices + 1, SeriesArchive.Open(File.ReadAllBytes(Path.Combine(_installation.Data.Quarantine, s_task.Name, "scan.zip"))).Count);
    }

    [Fact]
    public void FolderOfALongName_AndOneOfTooManyFiles_DoNoHarm()
    {
        string name = new('x', 250);
        foreach ((byte[] slice, int i) in TestVolume.Make(Slices, 20, 16).Slices().Select((s, i) => (s, i))) _installation.Drop(Path.Combine(s_task.Name, name), $"IM{i}", slice);
        TestVolume thin = TestVolume.Make(4100, 2, 2);
        string many = Path.Combine(Inbox, "many");
        Directory.CreateDirectory(many);
        for (int i = 0; i < thin.Depth; i++) File.WriteAllBytes(Path.Combine(many, $"{i}"), thin.Slice(i, series: "1.2.3.8"));

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Single(_installation.Processed(s_task.Name), n => n.StartsWith("xxx", StringComparison.Ordinal));
        Assert.Equal(["many.reason.json"], _installation.Quarantine(s_task.Name));
        Assert.Equal(4100, Directory.GetFiles(Path.Combine(_installation.Data.Quarantine, s_task.Name, "many")).Length);
        Assert.Empty(Directory.GetFiles(Inbox, ".*"));
    }

    [Fact]
    public void FilesOnTheirWayOutOfACrash_ComeBack()
    {
        byte[][] slices = TestVolume.Make(Slices, 20, 16).Slices();
        // As if the process had ended after half of a folder had left, and after all of another one had.
        for (int i = 0; i < Slices; i++) _installation.Drop(i < 3 ? Path.Combine(s_task.Name, ".melo-leaving", "scan") : Path.Combine(s_task.Name, "scan"), $"IM{i}", slices[i]);
        _installation.Drop(Path.Combine(s_task.Name, ".melo-packed-1", "patient", "other"), "IM0", slices[0]);
        Directory.CreateDirectory(Path.Combine(Inbox, "patient", "other"));

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Contains("1 results", output, StringComparison.Ordinal);
        Assert.Equal(["scan.zip"], _installation.Processed(s_task.Name));
        Assert.Equal([Path.Combine(Inbox, "stat")], Directory.GetDirectories(Inbox));
    }

    [Fact]
    public void SlowlyArrivingSeries_IsWaitedFor()
    {
        byte[][] slices = TestVolume.Make(Slices, 20, 16).Slices();
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [("MELO__SERIESINTERVALMS", "2500")]);
        for (int i = 0; i < slices.Length; i++)
        {
            _installation.Drop(s_task.Name, $"IM{i}", slices[i]);
            Thread.Sleep(300);
        }
        service.WaitUntil(() => _installation.Processed(s_task.Name).Length == 1, "there was a result");
        Assert.Single(_installation.Outbox(s_task.Name));
        Assert.Empty(_installation.Quarantine(s_task.Name));
    }

    [Fact]
    public void ReportsOfASeries_ReferToItsSlices()
    {
        TestVolume volume = TestVolume.Make(Slices, 20, 16);
        foreach ((byte[] slice, int i) in volume.Slices(more: d => d.Text(0x0020000D, "UI", "1.2.7").Text(0x00100010, "PN", "DOE^JANE")).Select((s, i) => (s, i))) _installation.Drop(Path.Combine(s_task.Name, "scan"), $"IM{i}", slice);

        (int code, string output, string errors) = ServiceProcess.Once(
            _installation.Data.Root, [.. s_quick, ("MELO__RESULTS__DICOMSR", "true"), ("MELO__RESULTS__FHIR", "true"), ("MELO__RESULTS__HEATMAP", "both"), ("MELO__RESULTS__JSON__INCLUDEPATIENT", "true")]);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        string outbox = Path.Combine(_installation.Data.Outbox, s_task.Name);
        string[] files = [.. Directory.GetFiles(outbox).Order(StringComparer.Ordinal)];
        Assert.Equal([".fhir.json", ".json", ".sr.dcm"], files.Select(f => Path.GetFileName(f)["scan.zip.0123456789ab".Length..]).Order(StringComparer.Ordinal));
        string report = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(files.Single(f => f.EndsWith(".sr.dcm", StringComparison.Ordinal)))), fhir = File.ReadAllText(files.Single(f => f.EndsWith(".fhir.json", StringComparison.Ordinal)));
        for (int i = 1; i <= Slices; i++)
        {
            string instance = string.Create(CultureInfo.InvariantCulture, $"1.2.3.{i}");
            Assert.Contains(instance, report, StringComparison.Ordinal);
            Assert.Contains($"\"{instance}\"", fhir, StringComparison.Ordinal);
        }
        Assert.Contains("DOE^JANE", report, StringComparison.Ordinal);
        Assert.Contains("DOE", File.ReadAllText(files.Single(f => f.EndsWith("ab.json", StringComparison.Ordinal) || (f.EndsWith(".json", StringComparison.Ordinal) && !f.EndsWith(".fhir.json", StringComparison.Ordinal)))), StringComparison.Ordinal);
        Assert.DoesNotContain("DOE", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void KilledAtRandomMoments_EverySeriesHasExactlyOneResult()
    {
        const int Series = 24;
        int seed = Environment.GetEnvironmentVariable("MELO_TEST_SEED") is string given ? int.Parse(given, CultureInfo.InvariantCulture) : Environment.TickCount;
        Random random = new(seed);
        int next = 0, kills = 0;
        while (next < Series || _installation.Outbox(s_task.Name).Length < Series)
        {
            for (int n = random.Next(2, 7); n > 0 && next < Series; n--, next++)
            {
                byte[][] slices = TestVolume.Make(Slices, 20, 16, seed: next).Slices(series: $"1.2.4.{next + 1}");
                // Some in folders, some alone.
                for (int i = 0; i < slices.Length; i++) _installation.Drop(next % 3 == 0 ? s_task.Name : Path.Combine(s_task.Name, $"scan-{next}"), $"{next}-{i}.dcm", slices[i]);
            }
            using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: s_quick);
            int before = _installation.Outbox(s_task.Name).Length;
            if (random.Next(3) == 0) Thread.Sleep(random.Next(500, 2500));
            else service.WaitUntil(() => _installation.Outbox(s_task.Name).Length > before || before >= next, "there was a result");
            Thread.Sleep(random.Next(0, 60));
            service.Kill();
            kills++;
        }
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_quick);
        Assert.True(code == (int)ExitCode.Done, $"seed {seed}\n{output}{errors}");
        Assert.True(_installation.Outbox(s_task.Name).Length == Series, $"seed {seed}: {_installation.Outbox(s_task.Name).Length} results");
        Assert.Empty(_installation.Quarantine(s_task.Name));
        Assert.Equal(Series, _installation.Processed(s_task.Name).Length);
        Assert.Equal([Path.Combine(Inbox, "stat")], Directory.GetDirectories(Inbox));
        Assert.Empty(Directory.GetFiles(Inbox));
        Assert.Equal(Series, Settlement.Scalar(_installation, "SELECT count(*) FROM audit WHERE event = 'result'"));
    }

    private IEnumerable<JsonElement> Results()
    {
        foreach (string name in _installation.Outbox(s_task.Name))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, s_task.Name, name)));
            yield return document.RootElement.Clone();
        }
    }
}
