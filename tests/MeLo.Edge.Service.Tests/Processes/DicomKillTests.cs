using System.Globalization;
using System.Text;
using System.Text.Json;
using MeLo.Edge.Dicom;
using MeLo.Edge.Reports;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Processes;

/// <summary>The main promise for DICOM files that are routed, with every report switched on and a process that is killed at random moments.</summary>
public sealed class DicomKillTests(ITestOutputHelper output)
{
    private const string FilesVariable = "MELO_TEST_DICOM_FILES";

    private static readonly (string, string)[] s_settings =
    [
        ("MELO__ROUTES__0__MODALITY", "CR|DX"), ("MELO__ROUTES__0__TASKS", $"{DemoTask.All[0].Name}, {DemoTask.All[1].Name}"),
        ("MELO__ROUTES__1__MODALITY", "MG"), ("MELO__ROUTES__1__TASKS", DemoTask.All[2].Name),
        ("MELO__RESULTS__DICOMSR", "true"), ("MELO__RESULTS__FHIR", "true"), ("MELO__RESULTS__WORKLIST", "true"),
    ];

    [Fact]
    public void KilledAtRandomMoments_EveryFileIsSettledOnce_AndEveryReportIsWhole()
    {
        int seed = Environment.GetEnvironmentVariable("MELO_TEST_SEED") is string given ? int.Parse(given, CultureInfo.InvariantCulture) : Environment.TickCount;
        int files = Environment.GetEnvironmentVariable(FilesVariable) is string more ? int.Parse(more, CultureInfo.InvariantCulture) : 300;
        output.WriteLine($"seed {seed} (MELO_TEST_SEED repeats it), {files} files ({FilesVariable}: other numbers of them)");
        Random random = new(seed);
        using Installation installation = new(withTasks: false);
        foreach (DemoTask task in DemoTask.All) installation.AddBundle(task.Name, Installation.Bundle(task, 1, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        using ReportWatcher watcher = new(installation.Data.Outbox);
        Expectation expected = new();
        int next = 0, kills = 0;
        while (next < files || watcher.Results < expected.Results)
        {
            for (int i = random.Next(files / 25, files / 6); i > 0 && next < files; i--, next++) installation.Drop("dicom", $"{next}.dcm", expected.Make(next));
            using ServiceProcess service = ServiceProcess.Start(installation.Data.Root, environment: s_settings);
            if (random.Next(4) == 0)
            {
                Thread.Sleep(random.Next(0, 1500)); // while it starts, wherever that is
            }
            else
            {
                int goal = Math.Min(expected.Results, watcher.Results + random.Next(files / 20, files / 2));
                service.WaitUntil(() => watcher.Results >= goal, $"there were {goal} results");
                Thread.Sleep(random.Next(0, 1200)); // the lists are written every second
            }
            service.Kill();
            kills++;
            Assert.DoesNotContain("DOE", service.Errors, StringComparison.Ordinal);
        }
        output.WriteLine($"{kills} kills, {expected.Results} results");
        (int code, string summary, string errors) = ServiceProcess.Once(installation.Data.Root, s_settings);
        Assert.True(code == 0, summary + errors);
        Assert.True(watcher.Faults.Count == 0, string.Join('\n', watcher.Faults));
        expected.AssertSettled(installation);
        Assert.True(kills >= 5, $"only {kills} kills");
        foreach (string file in Directory.GetFiles(installation.Data.State)) Assert.DoesNotContain("DOE", Encoding.Latin1.GetString(File.ReadAllBytes(file)), StringComparison.Ordinal);
    }

    /// <summary>What was dropped, and what is to become of it.</summary>
    private sealed class Expectation
    {
        private static readonly string[] s_syntaxes = [TestDicom.Explicit, TestDicom.Implicit, TestDicom.BigEndian, TestDicom.Deflated, TestDicom.RunLength];

        private readonly Dictionary<string, Dictionary<string, byte[]>> _answered = DemoTask.All.ToDictionary(t => t.Name, _ => new Dictionary<string, byte[]>()), _broken = DemoTask.All.ToDictionary(t => t.Name, _ => new Dictionary<string, byte[]>());
        private readonly List<string> _routed = [], _refused = [];
        private byte[] _last = [];

        public int Results => _answered.Values.Sum(a => a.Count);

        public byte[] Make(int number)
        {
            string name = $"{number}.dcm", modality = (number % 3) switch { 0 => "DX", 1 => "MG", _ => "CR" };
            switch (number % 20)
            {
                case 3: // the same bytes again
                    _routed.Add(name);
                    return _last;
                case 7:
                    _refused.Add(name);
                    return Image(number, modality)[..^60];
                case 11:
                    _refused.Add(name);
                    return Image(number, "US");
            }
            bool isBroken = number % 20 == 15;
            _last = Image(number, modality, missingRows: isBroken ? 3 : 0);
            _routed.Add(name);
            foreach (string task in modality == "MG" ? (string[])[DemoTask.All[2].Name] : [DemoTask.All[0].Name, DemoTask.All[1].Name])
                (isBroken ? _broken : _answered)[task].Add(Settlement.Sha256(_last), _last);
            return _last;
        }

        public void AssertSettled(Installation installation)
        {
            Assert.Empty(installation.Inbox("dicom"));
            Assert.Equal(_routed.Order(StringComparer.Ordinal), installation.Processed("dicom"));
            Assert.Equal(_refused.SelectMany(n => (string[])[n, n + ".reason.json"]).Order(StringComparer.Ordinal), installation.Quarantine("dicom"));
            foreach ((string task, Dictionary<string, byte[]> answered) in _answered)
            {
                Assert.Empty(installation.Inbox(task));
                Assert.Equal(answered.Keys.Order(StringComparer.Ordinal), Digests(installation.Data.Processed, task, installation.Processed(task)));
                Assert.Equal(_broken[task].Keys.Order(StringComparer.Ordinal), Digests(installation.Data.Quarantine, task, installation.Quarantine(task).Where(n => !n.EndsWith(".reason.json", StringComparison.Ordinal))));
                AssertOutbox(installation, task, answered);
            }
            int broken = _broken.Values.Sum(b => b.Count);
            Assert.Equal(Results, Settlement.Scalar(installation, "SELECT count(*) FROM audit WHERE event = 'result'"));
            Assert.Equal(Results + broken, Settlement.Scalar(installation, "SELECT count(*) FROM job"));
            Assert.Equal(Results, Settlement.Scalar(installation, "SELECT count(*) FROM job WHERE state = 2 AND delivery >= 1"));
        }

        // A result, both reports and a line for each input, and no other file; the reports are what input and result make them.
        private static void AssertOutbox(Installation installation, string task, Dictionary<string, byte[]> answered)
        {
            string folder = Path.Combine(installation.Data.Outbox, task);
            string[] lines = File.ReadAllLines(Path.Combine(folder, Worklist.Name))[1..];
            Assert.Equal(answered.Keys.Order(StringComparer.Ordinal), lines.Select(l => l.Split(',')[5]).Order(StringComparer.Ordinal));
            List<string> names = [Worklist.Name];
            foreach (string name in lines.Select(l => l.Split(',')[4]))
            {
                byte[] result = File.ReadAllBytes(Path.Combine(folder, name));
                using JsonDocument document = JsonDocument.Parse(result);
                string input = document.RootElement.GetProperty("input").GetProperty("sha256").GetString()!;
                string stem = name[..^".json".Length];
                Assert.Equal(StructuredReport.Write(answered[input], input, ResultDocument.Read(result), TimeZoneInfo.Local), File.ReadAllBytes(Path.Combine(folder, stem + ".sr.dcm")));
                Assert.Equal(FhirReport.Write(answered[input], input, ResultDocument.Read(result), TimeZoneInfo.Local), File.ReadAllBytes(Path.Combine(folder, stem + ".fhir.json")));
                names.AddRange([name, stem + ".sr.dcm", stem + ".fhir.json"]);
            }
            Assert.Equal(names.Order(StringComparer.Ordinal), Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        }

        // Copies of the same bytes may lie beside each other under the names that they came with.
        private static IEnumerable<string> Digests(string folder, string task, IEnumerable<string> names) =>
            names.Select(n => Settlement.Sha256(File.ReadAllBytes(Path.Combine(folder, task, n)))).Distinct().Order(StringComparer.Ordinal);

        private static byte[] Image(int number, string modality, int missingRows = 0)
        {
            const int Width = 12, Height = 10;
            string syntax = s_syntaxes[number % s_syntaxes.Length];
            TestDicom dicom = new(isExplicit: syntax != TestDicom.Implicit, isBigEndian: syntax == TestDicom.BigEndian);
            dicom.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7").Text(0x00080018, "UI", $"1.2.3.{number}").Text(0x00080060, "CS", modality);
            dicom.Text(0x00100010, "PN", $"DOE^{number}").Text(0x00100020, "LO", $"DOE-{number}").Text(0x0020000D, "UI", $"1.2.9.{number}").Text(0x0020000E, "UI", $"1.2.8.{number}");
            dicom.Word(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Word(0x00280010, Height).Word(0x00280011, Width).Word(0x00280100, 8).Word(0x00280101, 8).Word(0x00280102, 7).Word(0x00280103, 0);
            byte[] pixels = [.. Enumerable.Range(0, Width * (Height - missingRows)).Select(i => (byte)((i * (number + 1)) ^ number))];
            if (pixels.Length % 2 != 0) pixels = [.. pixels, 0];
            if (syntax == TestDicom.RunLength) dicom.Fragments([], TestDicom.PackFrame(pixels, 1, 1));
            else dicom.Element(0x7FE00010, syntax is TestDicom.Implicit or TestDicom.BigEndian ? "OW" : "OB", pixels);
            return dicom.File(syntax);
        }
    }

    /// <summary>Reads every report and list the moment it appears, and remembers what was ever wrong.</summary>
    private sealed class ReportWatcher : IDisposable
    {
        private readonly string _outbox;
        private readonly Thread _thread;
        private readonly Dictionary<string, string> _seen = [];
        private readonly List<string> _faults = [];
        private volatile int _results;
        private volatile bool _stop;

        public ReportWatcher(string outbox)
        {
            _outbox = outbox;
            _thread = new Thread(Watch) { IsBackground = true };
            _thread.Start();
        }

        public int Results => _results;

        /// <summary>What was wrong; stops watching.</summary>
        public List<string> Faults
        {
            get
            {
                Dispose();
                return _faults;
            }
        }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }

        private void Watch()
        {
            for (; !_stop; Thread.Sleep(10))
                foreach (string task in Directory.GetDirectories(_outbox))
                    foreach (string path in Directory.GetFiles(task).Where(p => !Path.GetFileName(p).StartsWith('.'))) Look(path);
        }

        private void Look(string path)
        {
            bool isList = Path.GetFileName(path) == Worklist.Name;
            if (!isList && _seen.ContainsKey(path)) return; // each is read as soon as it is there, and all of them at the end
            try
            {
                byte[] bytes = File.ReadAllBytes(path);
                if (isList) LookAtList(path, bytes);
                else if (path.EndsWith(".dcm", StringComparison.Ordinal)) _ = DicomExamination.Read(bytes) ?? throw new InvalidDataException("no DICOM");
                else using (JsonDocument.Parse(bytes)) { }
                _seen[path] = "";
                bool isResult = path.EndsWith(".json", StringComparison.Ordinal) && !path.EndsWith(".fhir.json", StringComparison.Ordinal);
                if (!isResult) return;
                // Whoever sees the result finds the reports.
                foreach (string report in (string[])[".sr.dcm", ".fhir.json"])
                    if (!File.Exists(Path.ChangeExtension(path, null) + report)) _faults.Add($"{path} came before its {report}");
                _results++;
            }
            catch (Exception e) when (e is JsonException or IOException or InvalidDataException or MeLoException)
            {
                _faults.Add($"{path}: {e.Message}");
            }
        }

        private void LookAtList(string path, byte[] bytes)
        {
            string text = Encoding.UTF8.GetString(bytes);
            string[] lines = text.Split("\r\n");
            if (bytes is not [0xEF, 0xBB, 0xBF, ..] || lines[^1].Length > 0 || lines[..^1].Any(l => l.Split(',').Length != 9)) _faults.Add($"{path} has half a line");
            if (lines.Distinct().Count() != lines.Length || lines[1..^1].Select(l => l.Split(',')[4]).Distinct().Count() != lines.Length - 2) _faults.Add($"{path} has a result twice");
            _ = DateTimeOffset.Parse(lines.Length > 2 ? lines[1].Split(',')[0] : "2026-01-31T10:20:30Z", CultureInfo.InvariantCulture);
        }
    }
}
