using System.Runtime.Versioning;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

public sealed class OnceTests : IDisposable
{
    private readonly Installation _installation = new();

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void SameContent_UrgentAndRoutine_IsOneJob()
    {
        string tb = Installation.Tasks[0];
        _installation.Drop(tb, "x.png", Installation.Picture(1));
        _installation.Drop(Path.Combine(tb, "stat"), "x.png", Installation.Picture(1));
        _installation.Drop(Path.Combine(tb, "stat"), "broken.png", Installation.Picture(2)[..60]);
        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("1 results, 1 duplicates, 1 quarantined", output, StringComparison.Ordinal);
        Assert.Single(_installation.Outbox(tb));
        Assert.NotEmpty(_installation.Processed(tb));
        Assert.Contains("broken.png", _installation.Quarantine(tb));
        Assert.Empty(_installation.Inbox(tb));
        Assert.Empty(_installation.Inbox(Path.Combine(tb, "stat")));
        Assert.Equal(1, Settlement.Scalar(_installation, "SELECT count(*) FROM job WHERE state = 2"));
    }

    [Fact]
    public void DicomFile_IsAnswered_AndItsPatientIsNowhere()
    {
        const string Patient = "DOE^JANE^19700101";
        DemoTask task = DemoTask.All[0];
        _installation.AddBundle(task.Name, Installation.Bundle(task, 2, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        short[] pixels = [.. Enumerable.Range(0, 24 * 20).Select(i => (short)i)];
        byte[] good = TestDicom.Gray(24, 20, pixels, more: d => d.Text(0x00100010, "PN", Patient)).File();
        _installation.Drop(task.Name, "a.dcm", good);
        _installation.Drop(task.Name, "b", good[..^40]);
        _installation.Drop(DemoTask.All[1].Name, "c.dcm", good);
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("1 results, 0 duplicates, 2 quarantined", output, StringComparison.Ordinal);
        string result = File.ReadAllText(Path.Combine(_installation.Data.Outbox, task.Name, Assert.Single(_installation.Outbox(task.Name))));
        string reason = File.ReadAllText(Path.Combine(_installation.Data.Root, "quarantine", DemoTask.All[1].Name, "c.dcm.reason.json"));
        Assert.Contains("input.dicom", reason, StringComparison.Ordinal);
        Assert.Contains("bytes", File.ReadAllText(Path.Combine(_installation.Data.Root, "quarantine", task.Name, "b.reason.json")), StringComparison.Ordinal);
        foreach (string text in (string[])[output, errors, result, reason]) Assert.DoesNotContain("DOE", text, StringComparison.Ordinal);
        foreach (string file in Directory.GetFiles(Path.Combine(_installation.Data.Root, "state"))) Assert.DoesNotContain("DOE^JANE", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file)), StringComparison.Ordinal);
    }

    [Fact]
    public void DicomReport_LiesBesideTheResult_WhereItIsSwitchedOn()
    {
        DemoTask task = DemoTask.All[0];
        _installation.AddBundle(task.Name, Installation.Bundle(task, 2, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        byte[] image = TestDicom.Gray(24, 20, [.. Enumerable.Range(0, 24 * 20).Select(i => (short)i)], more: d => d.Text(0x00100010, "PN", "DOE^JANE").Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8")).File();
        _installation.Drop(task.Name, "a.dcm", image);
        _installation.Drop(task.Name, "b.png", Installation.Picture(1));
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, [("MELO__RESULTS__DICOMSR", "true")]);
        Assert.Equal((int)ExitCode.Done, code);
        string folder = Path.Combine(_installation.Data.Outbox, task.Name), result = Assert.Single(_installation.Outbox(task.Name), n => n.StartsWith("a.dcm.", StringComparison.Ordinal) && n.EndsWith(".json", StringComparison.Ordinal));
        string report = Path.Combine(folder, Path.ChangeExtension(result, null) + ".sr.dcm");
        byte[] first = File.ReadAllBytes(report);
        Assert.Equal(3, _installation.Outbox(task.Name).Length);
        Assert.Contains("DOE^JANE", System.Text.Encoding.Latin1.GetString(first), StringComparison.Ordinal);
        Assert.DoesNotContain("DOE", errors, StringComparison.Ordinal);
        // Dropped again after both were fetched, the same two come again, byte by byte.
        File.Delete(report);
        File.Delete(Path.Combine(folder, result));
        _installation.Drop(task.Name, "a.dcm", image);
        ServiceProcess.Once(_installation.Data.Root, [("MELO__RESULTS__DICOMSR", "true")]);
        Assert.Equal(first, File.ReadAllBytes(report));
        Assert.True(File.Exists(Path.Combine(folder, result)));
    }

    [Fact]
    public void EverythingInAnInbox_EndsInExactlyOneState_AndNoNameIsLogged()
    {
        const string Secret = "Doe-Jane-19700101";
        string tb = Installation.Tasks[0];
        _installation.Drop(tb, $"{Secret}-good.png", Installation.Picture(1));
        _installation.Drop(tb, $"{Secret}-again.png", Installation.Picture(1));
        _installation.Drop(tb, $"{Secret}-\"quoted\"\nline.png", Installation.Picture(2));
        _installation.Drop(tb, Secret + new string('x', 251 - Secret.Length) + ".png", Installation.Picture(3));
        _installation.Drop(tb, Secret + new string('x', 250 - Secret.Length) + ".tiff", "broken"u8.ToArray());
        _installation.Drop(tb, $"{Secret}-broken.png", Installation.Picture(4)[..60]);
        _installation.Drop(tb, $"{Secret}-empty.png", []);
        _installation.Drop("unheard-of", $"{Secret}-waits.png", Installation.Picture(5));
        _installation.Drop(tb, $".{Secret}-hidden.png", Installation.Picture(6));
        _installation.Drop(tb, $"{Secret}-unfinished.png.part", Installation.Picture(7));
        string inbox = Path.Combine(_installation.Data.Inbox, tb);
        Directory.CreateDirectory(Path.Combine(inbox, $"{Secret}-folder.png"));
        if (OperatingSystem.IsLinux())
        {
            File.CreateSymbolicLink(Path.Combine(inbox, $"{Secret}-link.png"), "/etc/hostname");
            using System.Diagnostics.Process mkfifo = System.Diagnostics.Process.Start("mkfifo", [Path.Combine(inbox, $"{Secret}-fifo.png")]);
            mkfifo.WaitForExit();
        }
        File.WriteAllBytes(Path.Combine(_installation.Data.Bundles, $"{Secret}.melo"), [1, 2, 3]);

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root);

        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Equal(3, _installation.Outbox(tb).Length);
        Assert.Equal(4, _installation.Processed(tb).Length);
        Assert.Equal(3, _installation.Quarantine(tb).Count(n => n.EndsWith(".reason.json", StringComparison.Ordinal)));
        Assert.Equal(6, _installation.Quarantine(tb).Length);
        Assert.Single(_installation.Inbox("unheard-of"));
        Assert.Contains("1 files wait for a task", output, StringComparison.Ordinal);
        Assert.Contains("3 results, 1 duplicates, 3 quarantined, 1 bundles refused", output, StringComparison.Ordinal);
        foreach (string result in _installation.Outbox(tb))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, tb, result)));
            Assert.StartsWith(Secret, document.RootElement.GetProperty("input").GetProperty("name").GetString(), StringComparison.Ordinal);
        }
        Assert.DoesNotContain("Doe", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Doe", errors, StringComparison.Ordinal);

        Directory.Delete(Path.Combine(_installation.Data.Inbox, "unheard-of"), recursive: true);
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(_installation.Data.Root).Code);
    }

    [Fact]
    public void ThousandCopiesOfTheSameBytes_GiveOneResult()
    {
        string task = Installation.Tasks[1];
        byte[] picture = Installation.Picture(1);
        for (int i = 0; i < 1000; i++) _installation.Drop(task, $"copy-{i}.png", picture);
        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Single(_installation.Outbox(task));
        Assert.Equal(1000, _installation.Processed(task).Length);
        Assert.Contains("1 results, 999 duplicates, 0 quarantined", output, StringComparison.Ordinal);
    }

    [Fact]
    public void ResultThatWasFetched_IsGivenAgain_ByteByByte_WhenTheContentComesAgain()
    {
        string task = Installation.Tasks[0];
        _installation.Drop(task, "x.png", Installation.Picture(1));
        ServiceProcess.Once(_installation.Data.Root);
        string path = Path.Combine(_installation.Data.Outbox, task, Assert.Single(_installation.Outbox(task)));
        byte[] result = File.ReadAllBytes(path);
        File.Delete(path);
        _installation.Drop(task, "y.png", Installation.Picture(1));
        ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal(result, File.ReadAllBytes(path));
        Assert.Equal(["x.png", "y.png"], _installation.Processed(task));
    }

    [Fact]
    public void NewRelease_ReplacesTheResultOfTheSameBytes()
    {
        DemoTask task = DemoTask.All[0];
        _installation.Drop(task.Name, "x.png", Installation.Picture(1));
        ServiceProcess.Once(_installation.Data.Root);
        string name = Assert.Single(_installation.Outbox(task.Name));
        _installation.AddBundle("second", Installation.Bundle(task, 2));
        _installation.Drop(task.Name, "renamed.png", Installation.Picture(1));
        Assert.Equal(0, ServiceProcess.Once(_installation.Data.Root).Code);
        Assert.Equal(name, Assert.Single(_installation.Outbox(task.Name)));
        using JsonDocument result = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, task.Name, name)));
        Assert.Equal(2, result.RootElement.GetProperty("release").GetInt32());
    }

    [Fact]
    public void FileLargerThanTheLimit_IsQuarantinedUnread()
    {
        string task = Installation.Tasks[0];
        byte[] large = new byte[(1 << 20) + 1];
        _installation.Drop(task, "large.png", large);
        Assert.Equal(0, ServiceProcess.Once(_installation.Data.Root, [("MELO__MaxFileMegabytes", "1")]).Code);
        Assert.Equal(["large.png", "large.png.reason.json"], _installation.Quarantine(task));
        Assert.Contains("too-large", File.ReadAllText(Path.Combine(_installation.Data.Quarantine, task, "large.png.reason.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void DiskBelowTheWatermark_TakesNothing_AndSaysSo()
    {
        _installation.Drop(Installation.Tasks[0], "x.png", Installation.Picture(1));
        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root, [("MELO__MinFreeMegabytes", "1000000000")]);
        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Contains("disk is almost full", output, StringComparison.Ordinal);
        Assert.Single(_installation.Inbox(Installation.Tasks[0]));
    }

    [Theory]
    [InlineData("bundle", "1 bundles wait because they cannot be read or activated")]
    [InlineData("inbox", "1 inbox folders cannot be listed")]
    [UnsupportedOSPlatform("windows")]
    public void WhatCannotBeRead_IsNotSettled_ThoughNoFileIsSeenToWait(string what, string said)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "takes away permissions as Linux has them");
        string path = what == "bundle" ? Path.Combine(_installation.Data.Bundles, $"{Installation.Tasks[1]}.melo") : Path.Combine(_installation.Data.Inbox, Installation.Tasks[1]);
        if (what == "inbox") Directory.CreateDirectory(path);
        UnixFileMode mode = File.GetUnixFileMode(path);
        File.SetUnixFileMode(path, UnixFileMode.None);
        // Root reads everything, unless it does without the capabilities for that.
        string[] through = Environment.IsPrivilegedProcess ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"] : [];
        _installation.Drop(Installation.Tasks[2], "x.png", Installation.Picture(1));
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, through: through);
        Assert.Contains(said, output, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Single(_installation.Outbox(Installation.Tasks[2])); // the others do not wait for it
        Assert.InRange(errors.Split("Folder events were lost").Length, 1, 2); // nor is it told again and again
        File.SetUnixFileMode(path, mode);
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(_installation.Data.Root).Code);
        Assert.Equal(Installation.Tasks.Order(StringComparer.Ordinal), Directory.GetFiles(_installation.Data.Bundles).Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Result_HasTheDocumentedMembers()
    {
        string task = Installation.Tasks[1];
        byte[] picture = Installation.Picture(1);
        _installation.Drop(task, "cxr-17.png", picture);
        ServiceProcess.Once(_installation.Data.Root);
        string sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(picture));
        string name = Assert.Single(_installation.Outbox(task));
        Assert.Equal($"cxr-17.png.{sha256[..12]}.json", name);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, task, name)));
        JsonElement result = document.RootElement;
        Assert.Equal(
            ["schema", "task", "release", "input", "prediction", "scores", "model", "timing", "completedAt"],
            result.EnumerateObject().Select(p => p.Name));
        Assert.Equal(sha256, result.GetProperty("input").GetProperty("sha256").GetString());
        Assert.Equal(["base", "bundle", "precision", "provider"], result.GetProperty("model").EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ["queueMs", "decodeMs", "preprocessMs", "switchMs", "switchKind", "inferenceMs"], result.GetProperty("timing").EnumerateObject().Select(p => p.Name));
        Assert.Equal(DemoTask.All[1].Labels, result.GetProperty("scores").EnumerateArray().Select(s => s.GetProperty("label").GetString()));
        Assert.Equal(1, result.GetProperty("scores").EnumerateArray().Sum(s => s.GetProperty("probability").GetDouble()), 6);
        Assert.Equal("fp32", result.GetProperty("model").GetProperty("precision").GetString());
        Assert.Equal("cpu", result.GetProperty("model").GetProperty("provider").GetString());
    }

    [Fact]
    public void SecondServiceInTheSameFolder_EndsWithItsOwnCode()
    {
        using ServiceProcess first = ServiceProcess.Start(_installation.Data.Root);
        first.WaitUntil(() => first.Errors.Contains("Started in", StringComparison.Ordinal), "it started");
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal((int)ExitCode.InUse, code);
        Assert.Contains("error: the data folder", errors, StringComparison.Ordinal);

        // As a service, with HTTP: the host still starts when the folder is found to be in use.
        using ServiceProcess second = ServiceProcess.Start(_installation.Data.Root, environment: [("MELO__Port", "0")]);
        Assert.Equal((int)ExitCode.InUse, second.WaitForExit());
        Assert.Contains("error: the data folder", second.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", second.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongUse_IsToldWithTheDocumentedCodes()
    {
        using TemporaryFolder empty = new();
        (int noBase, _, string noBaseErrors) = ServiceProcess.Once(empty.Root);
        Assert.Equal((int)ExitCode.Base, noBase);
        Assert.Contains("adapter-packer base import", noBaseErrors, StringComparison.Ordinal);
        (int wrong, _, string wrongErrors) = ServiceProcess.Once(empty.Root, [("MELO__QueueLimit", "0"), ("MELO__Typo", "1")]);
        Assert.Equal((int)ExitCode.Usage, wrong);
        Assert.Contains("MeLo:QueueLimit", wrongErrors, StringComparison.Ordinal);
        Assert.Contains("MeLo:Typo", wrongErrors, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Usage, ServiceProcess.Once(empty.Root, arguments: ["--unheard-of"]).Code);
    }
}
