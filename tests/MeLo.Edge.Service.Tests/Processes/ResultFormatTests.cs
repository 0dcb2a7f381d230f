using System.Text;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Reporting;
using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Tests.Processes;

/// <summary>What the settings under <c>Results</c> add to the outbox.</summary>
public sealed class ResultFormatTests : IDisposable
{
    private static readonly DemoTask s_task = DemoTask.All[0];

    private readonly Installation _installation = new(withTasks: false);

    public ResultFormatTests() => _installation.AddBundle(s_task.Name, Installation.Bundle(s_task, 2, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void FhirReport_LiesBesideEveryResult_AndComesAgainByteByByte()
    {
        (string, string)[] settings = [("MELO__RESULTS__FHIR", "true")];
        _installation.Drop(s_task.Name, "a.dcm", Image());
        _installation.Drop(s_task.Name, "b.png", Installation.Picture(1));
        string errors = Once(settings);
        Assert.Equal(4, _installation.Outbox(s_task.Name).Length);
        byte[] picture = Read("b.png.", ".fhir.json"), first = Read("a.dcm.", ".fhir.json");
        Assert.Equal(["DiagnosticReport", "Device", "ImagingStudy", "Patient"], Types(first).Where(t => t != "Observation"));
        Assert.Equal(["DiagnosticReport", "Device"], Types(picture).Where(t => t != "Observation"));
        Assert.Contains("\"family\": \"DOE\"", Encoding.UTF8.GetString(first), StringComparison.Ordinal);
        Assert.DoesNotContain("DOE", Encoding.UTF8.GetString(Read("a.dcm.", ".json")), StringComparison.Ordinal);
        AssertPatientIsIn(errors, "a.dcm", ".fhir.json");
        Assert.Equal(["a.dcm", "b.png"], new FolderReport(_installation.Data).Results().Select(r => r.Input));

        foreach (string name in _installation.Outbox(s_task.Name)) File.Delete(Path.Combine(_installation.Data.Outbox, s_task.Name, name));
        _installation.Drop(s_task.Name, "a.dcm", Image());
        Once(settings);
        Assert.Equal(first, Read("a.dcm.", ".fhir.json"));
        Assert.Equal(2, _installation.Outbox(s_task.Name).Length);
    }

    [Fact]
    public void Result_HasPatientAndStudy_WhereItIsSwitchedOn()
    {
        (string, string)[] settings = [("MELO__RESULTS__JSON__INCLUDEPATIENT", "true")];
        _installation.Drop(s_task.Name, "a.dcm", Image());
        _installation.Drop(s_task.Name, "b.png", Installation.Picture(1));
        string errors = Once(settings);
        byte[] first = Read("a.dcm.", ".json");
        using JsonDocument result = JsonDocument.Parse(first), picture = JsonDocument.Parse(Read("b.png.", ".json"));
        JsonElement patient = result.RootElement.GetProperty("patient"), study = result.RootElement.GetProperty("study");
        Assert.Equal(("17", "DOE^JÜRGEN"), (patient.GetProperty("id").GetString(), patient.GetProperty("name").GetString()));
        Assert.Equal(("19700101", JsonValueKind.Null), (patient.GetProperty("birthDate").GetString(), patient.GetProperty("sex").ValueKind));
        Assert.Equal(("1.2.9", "A-17"), (study.GetProperty("instanceUid").GetString(), study.GetProperty("accessionNumber").GetString()));
        Assert.Equal("melo.result/1", result.RootElement.GetProperty("schema").GetString());
        Assert.False(picture.RootElement.TryGetProperty("patient", out _));
        AssertPatientIsIn(errors, "a.dcm", ".json");
        // But for these two, it is what the journal has.
        using JsonDocument kept = JsonDocument.Parse(InJournal("a.dcm"));
        Assert.Equal([.. kept.RootElement.EnumerateObject().Select(m => m.ToString())], result.RootElement.EnumerateObject().Select(m => m.ToString()).SkipLast(2));

        File.Delete(Path.Combine(_installation.Data.Outbox, s_task.Name, Name("a.dcm.", ".json")));
        _installation.Drop(s_task.Name, "a.dcm", Image());
        Once(settings);
        Assert.Equal(first, Read("a.dcm.", ".json"));
    }

    [Fact]
    public void ResultThatACrashLeftUndelivered_GetsItsPatient_WhileItsInputIsThere()
    {
        _installation.Drop(s_task.Name, "a.dcm", Image());
        Once();
        string result = Path.Combine(_installation.Data.Outbox, s_task.Name, Name("a.dcm.", ".json"));
        // As if the process had ended between the commit and the delivery.
        File.Delete(result);
        File.Move(Path.Combine(_installation.Data.Processed, s_task.Name, "a.dcm"), Path.Combine(_installation.Data.Inbox, s_task.Name, "a.dcm"));
        using (SqliteConnection connection = new($"Data Source={_installation.Data.Journal};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "UPDATE job SET delivery = 0";
            command.ExecuteNonQuery();
        }
        Once(("MELO__RESULTS__JSON__INCLUDEPATIENT", "true"));
        Assert.Contains("DOE^JÜRGEN", File.ReadAllText(result), StringComparison.Ordinal);
        Assert.Single(_installation.Processed(s_task.Name));
    }

    [Fact]
    public void Worklist_HasEveryResultOnce()
    {
        for (int i = 0; i < 5; i++) _installation.Drop(s_task.Name, $"={i}.png", Installation.Picture(i));
        _installation.Drop(s_task.Name, "again.png", Installation.Picture(0));
        _installation.Drop(s_task.Name, "a.dcm", Image());
        string errors = Once(("MELO__RESULTS__WORKLIST", "true"));
        string path = Path.Combine(_installation.Data.Outbox, s_task.Name, "worklist.csv");
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(7, lines.Length);
        Assert.Equal(
            _installation.Outbox(s_task.Name).Where(n => n.EndsWith(".json", StringComparison.Ordinal)), lines.Skip(1).Select(l => l.Split(',')[4].TrimStart('\'')).Order(StringComparer.Ordinal));
        Assert.All(lines.Skip(1), l => Assert.Matches("^'?[=a]", l.Split(',')[1]));
        AssertPatientIsIn(errors, "a.dcm", "nowhere");

        File.WriteAllText(path, "edited and half a li");
        _installation.Drop(s_task.Name, "one-more.png", Installation.Picture(9));
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [("MELO__RESULTS__WORKLIST", "true")]);
        service.WaitUntil(() => File.ReadAllLines(path).Length == 8, "the list was whole again");
    }

    private static byte[] Image() => TestDicom.Gray(24, 20, [.. Enumerable.Range(0, 24 * 20).Select(i => (short)i)], more: d => d
        .Text(0x00080005, "CS", "ISO_IR 100").Text(0x00080050, "SH", "A-17").Element(0x00100010, "PN", Encoding.Latin1.GetBytes("DOE^JÜRGEN"))
        .Text(0x00100020, "LO", "17").Text(0x00100030, "DA", "19700101").Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8")).File();

    private string Once(params (string, string)[] settings)
    {
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, settings);
        Assert.True(code == (int)ExitCode.Done, output + errors);
        return output + errors;
    }

    private string Name(string start, string end) => Assert.Single(
        _installation.Outbox(s_task.Name), n => n.StartsWith(start, StringComparison.Ordinal) && n.EndsWith(end, StringComparison.Ordinal) && (end != ".json" || !n.EndsWith(".fhir.json", StringComparison.Ordinal)));

    private byte[] Read(string start, string end) => File.ReadAllBytes(Path.Combine(_installation.Data.Outbox, s_task.Name, Name(start, end)));

    private byte[] InJournal(string name)
    {
        using SqliteConnection connection = new($"Data Source={_installation.Data.Journal};Pooling=False;Mode=ReadOnly");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT result FROM job WHERE name = $name";
        command.Parameters.AddWithValue("$name", name);
        return (byte[])command.ExecuteScalar()!;
    }

    // In the one file that was asked for, and in no log, journal or other file.
    private void AssertPatientIsIn(string log, string input, string ending)
    {
        Assert.DoesNotContain("DOE", log, StringComparison.Ordinal);
        foreach (string file in Directory.GetFiles(_installation.Data.Root, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetFileName(file);
            if (name == input || (name.StartsWith(input, StringComparison.Ordinal) && name.EndsWith(ending, StringComparison.Ordinal))) continue;
            Assert.False(Encoding.Latin1.GetString(File.ReadAllBytes(file)).Contains("DOE", StringComparison.Ordinal), file);
        }
    }

    private static IEnumerable<string?> Types(byte[] bundle)
    {
        using JsonDocument document = JsonDocument.Parse(bundle);
        return [.. document.RootElement.GetProperty("entry").EnumerateArray().Select(e => e.GetProperty("resource").GetProperty("resourceType").GetString())];
    }
}
