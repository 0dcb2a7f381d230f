using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

public sealed class RoutingTests : IDisposable
{
    private static readonly (string, string)[] s_routes =
    [
        ("MELO__ROUTES__0__MODALITY", "CR|DX"), ("MELO__ROUTES__0__BODYPARTEXAMINED", "CHE*"), ("MELO__ROUTES__0__TASKS", $"{DemoTask.All[0].Name}, {DemoTask.All[1].Name}"),
        ("MELO__ROUTES__1__MODALITY", "MG"), ("MELO__ROUTES__1__TASKS", DemoTask.All[2].Name),
    ];

    private readonly Installation _installation = new(withTasks: false);

    public RoutingTests()
    {
        foreach (DemoTask task in DemoTask.All) _installation.AddBundle(task.Name, Installation.Bundle(task, 1, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
    }

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void DicomFiles_GoToTheTasksOfTheirRoutes()
    {
        _installation.Drop("dicom", "chest", Image(1, "DX", "chest"));
        _installation.Drop("dicom", "mammogram.dcm", Image(2, "MG", null));
        _installation.Drop("dicom", "foot.dcm", Image(3, "CR", "FOOT"));
        _installation.Drop("dicom", "silent.dcm", Image(4, "CR", null));
        _installation.Drop("dicom", "picture.png", Installation.Picture(1));
        _installation.Drop("dicom", "cut.dcm", Image(5, "DX", "CHEST")[..300]);

        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, s_routes);

        Assert.True(code == (int)ExitCode.Done, output + errors);
        Assert.Contains("3 results, 0 duplicates, 4 quarantined", output, StringComparison.Ordinal);
        string[] answered = [.. DemoTask.All.Select(t => Assert.Single(_installation.Outbox(t.Name)).Split('.')[0])];
        Assert.Equal(["chest", "chest", "mammogram"], answered);
        Assert.Equal(["chest", "mammogram.dcm"], _installation.Processed("dicom").Order(StringComparer.Ordinal));
        Assert.Equal(("no-route", "BodyPartExamined 'FOOT', Modality 'CR'"), Reason("foot.dcm"));
        Assert.Equal(("no-route", "no BodyPartExamined, Modality 'CR'"), Reason("silent.dcm"));
        Assert.Equal("unreadable-image", Reason("picture.png").Code);
        Assert.Equal("unreadable-image", Reason("cut.dcm").Code);
        Assert.Empty(_installation.Inbox("dicom"));
        Assert.Equal(4, Settlement.Scalar(_installation, "SELECT count(*) FROM audit WHERE event = 'quarantined' AND task = 'dicom'"));
    }

    [Fact]
    public void CopiesOfACrash_AreOneResult()
    {
        // As if the process had ended after the copies and before the original left.
        byte[] image = Image(1, "MG", null);
        string inbox = Path.GetDirectoryName(_installation.Drop(DemoTask.All[2].Name, "m.dcm", image))!;
        _installation.Drop("dicom", "m.dcm", image);
        File.WriteAllText(Path.Combine(inbox, ".melo-route-0.tmp"), "half");
        string elsewhere = Path.Combine(_installation.Data.Inbox, "no-route-now");
        Directory.CreateDirectory(elsewhere);
        File.WriteAllText(Path.Combine(elsewhere, ".melo-route-1.tmp"), "half");
        File.WriteAllText(Path.Combine(inbox, ".other.tmp"), "somebody's");

        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root, s_routes);

        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("1 results", output, StringComparison.Ordinal);
        Assert.Single(_installation.Outbox(DemoTask.All[2].Name));
        Assert.Single(_installation.Processed("dicom"));
        Assert.Empty(Directory.GetFiles(elsewhere));
        Assert.Equal([".other.tmp"], Directory.GetFiles(inbox).Select(Path.GetFileName));
    }

    [Fact]
    public void FilesThatCannotBeRead_AreQuarantined_AndTheOthersAreNot()
    {
        Nobody.SkipUnlessPossible();
        string unreadable = _installation.Drop("dicom", "unreadable.dcm", Image(1, "MG", null));
        _installation.Drop("dicom", "mammogram.dcm", Image(2, "MG", null));
        Nobody.RunOnce(_installation, unreadable, s_routes);
        Assert.Equal("unreadable-file", Reason("unreadable.dcm").Code);
        Assert.Equal(["unreadable.dcm", "unreadable.dcm.reason.json"], _installation.Quarantine("dicom"));
        Assert.Equal(["mammogram.dcm"], _installation.Processed("dicom"));
        Assert.Empty(_installation.Inbox("dicom"));
    }

    [Fact]
    public void AnInboxThatCannotBeWritten_IsNoFilesFault()
    {
        string inbox = Path.Combine(_installation.Data.Inbox, DemoTask.All[2].Name);
        File.WriteAllText(inbox, "no folder");
        _installation.Drop("dicom", "mammogram.dcm", Image(1, "MG", null));
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: s_routes);
        service.WaitUntil(() => service.Errors.Split("Work on a file of task dicom").Length > 6, "it was tried more than three times");
        Assert.Equal(["mammogram.dcm"], _installation.Inbox("dicom"));
        File.Delete(inbox);
        service.WaitUntil(() => _installation.Processed("dicom").Length == 1, "it was routed");
        Assert.Empty(_installation.Quarantine("dicom"));
    }

    [Fact]
    public void RouteToATaskThatNoBundleHas_IsWarnedOfOnce()
    {
        (int _, _, string errors) = ServiceProcess.Once(_installation.Data.Root, [.. s_routes, ("MELO__ROUTES__2__MODALITY", "US"), ("MELO__ROUTES__2__TASKS", "nobodys"), ("MELO__ROUTES__3__MODALITY", "CT"), ("MELO__ROUTES__3__TASKS", "nobodys")]);
        Assert.Equal(2, errors.Split("Routes lead to task").Length);
        Assert.Contains("Routes lead to task nobodys, which no bundle is installed for", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutRoutes_TheFolderIsATasksLikeAnyOther()
    {
        _installation.Drop("dicom", "chest.dcm", Image(1, "DX", "CHEST"));
        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root);
        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Contains("1 files wait for a task", output, StringComparison.Ordinal);
    }

    [Fact]
    public void RoutesThatMakeNoSense_AreAllNamed()
    {
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root,
        [
            ("MELO__ROUTES__0__MODALTY", "CR"), ("MELO__ROUTES__0__TASKS", "a"),
            ("MELO__ROUTES__1__MODALITY", "CR"),
            ("MELO__ROUTES__2__MODALITY", "CR"), ("MELO__ROUTES__2__TASKS", "dicom"),
            ("MELO__ROUTES__3__MODALITY", "CR|"), ("MELO__ROUTES__3__TASKS", "a"),
        ]);
        Assert.Equal((int)ExitCode.Usage, code);
        foreach (string place in (string[])["Routes:0:MODALTY", "Routes:0: found no attribute", "Routes:1:Tasks", "Routes:2:Tasks", "Routes:3:MODALITY"]) Assert.Contains(place, errors, StringComparison.Ordinal);
    }

    private static byte[] Image(int number, string modality, string? bodyPart) => TestDicom.Gray(24, 20, [.. Enumerable.Range(0, 24 * 20).Select(i => (short)(i * number))], more: d =>
    {
        d.Text(0x00080060, "CS", modality);
        if (bodyPart is not null) d.Text(0x00180015, "CS", bodyPart);
    }).File();

    private (string Code, string Found) Reason(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Quarantine, "dicom", name + ".reason.json")));
        JsonElement reason = document.RootElement.GetProperty("reason");
        string message = reason.GetProperty("message").GetString()!;
        return (reason.GetProperty("code").GetString()!, message.StartsWith("found ", StringComparison.Ordinal) ? message[6..].Split(", expected")[0] : message);
    }
}
