using System.Diagnostics;
using System.Globalization;
using System.Text;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeLo.Edge.Tests.Ingestion;

public sealed class WorklistTests(ITestOutputHelper output) : IDisposable
{
    private const string Header = "completedAt,inputName,label,probability,resultFile,inputSha256,release,bundle,base";

    private readonly TemporaryFolder _folder = new();
    private JobJournal? _journal;

    private JobJournal Journal => _journal ??= new JobJournal(_folder["melo.db"], TimeProvider.System);

    public void Dispose()
    {
        _journal?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void EveryDeliveredResult_HasOneLine()
    {
        Deliver("a", "x.png", 1, "b1");
        Deliver("b", "y.png", 1, "b1");
        Complete("c", "committed-only.png", 1, "b1");
        Deliver("a", "x.png", 2, "b2"); // a later release takes the place of the first
        Journal.Quarantine(Journal.Claim(Key("d", "b1"), "bad.png"), new Reason(Reason.UnreadableImage, "found x"));
        Deliver("e", "z.png", 1, "b1", task: "other");

        byte[] list = Write("tb");

        Assert.Equal([0xEF, 0xBB, 0xBF], list[..3]);
        Assert.Equal(
            [
                Header,
                $"2026-01-31T10:20:30.123Z,y.png,normal,0.07,y.png.{Input("b")[..12]}.json,{Input("b")},1,sha256:b1,sha256:base",
                $"2026-01-31T10:20:30.123Z,x.png,normal,0.07,x.png.{Input("a")[..12]}.json,{Input("a")},2,sha256:b2,sha256:base",
                "",
            ],
            Encoding.UTF8.GetString(list[3..]).Split("\r\n"));
        Assert.Equal(["worklist.csv"], Directory.GetFiles(_folder["outbox/tb"]).Select(Path.GetFileName));
        Assert.Equal(list, Write("tb"));
    }

    [Theory]
    [InlineData("plain.png", "plain.png")]
    [InlineData("a,b.png", "\"a,b.png\"")]
    [InlineData("a;b.png", "\"a;b.png\"")]
    [InlineData("say \"x\".png", "\"say \"\"x\"\".png\"")]
    [InlineData(" x ", "\" x \"")]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+1", "'+1")]
    [InlineData("-1", "'-1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("  =1", "'  =1")]
    [InlineData("  =1 ", "\"'  =1 \"")]
    [InlineData("＝1", "'＝1")]
    [InlineData("\t=1", "'_=1")]
    [InlineData("\r\nx", "'__x")]
    [InlineData("two\r\nlines\u2028x", "two__lines_x")]
    [InlineData("=cmd|' /C calc'!\"A\",0", "\"'=cmd|' /C calc'!\"\"A\"\",0\"")]
    [InlineData("結核.png", "結核.png")]
    [InlineData("", "")]
    public void Cells_AreTextOnOneLine(string text, string expected) => Assert.Equal(expected, Worklist.Cell(text));

    [Fact]
    public void HalfACharacter_IsAReplacement() => Assert.StartsWith("x\ufffd", Worklist.Cell("x" + '\ud800'), StringComparison.Ordinal);

    [Fact]
    public void AListThatCannotBeWritten_WaitsAndIsLoggedOnce()
    {
        Deliver("a", "x.png", 1, "b1");
        CountingLogger logger = new();
        Worklist list = New(logger);
        Directory.CreateDirectory(_folder["outbox/tb/worklist.csv/x"]);
        list.Note("tb");
        list.WriteChanged(CancellationToken.None);
        list.WriteChanged(CancellationToken.None);
        Assert.Equal(1, logger.Count);
        Directory.Delete(_folder["outbox/tb/worklist.csv"], recursive: true);
        list.WriteChanged(CancellationToken.None);
        Assert.Equal(2, File.ReadAllLines(_folder["outbox/tb/worklist.csv"]).Length);
    }

    [Fact]
    public void CancelledWriting_LeavesTheListAsItWas_AndStaysToBeDone()
    {
        Deliver("a", "x.png", 1, "b1");
        byte[] before = Write("tb");
        Deliver("b", "y.png", 1, "b1");
        Worklist list = New();
        list.Note("tb");
        list.WriteChanged(new CancellationToken(canceled: true));
        Assert.Equal(before, File.ReadAllBytes(_folder["outbox/tb/worklist.csv"]));
        Assert.Single(Directory.GetFiles(_folder["outbox/tb"]));
        list.WriteChanged(CancellationToken.None);
        Assert.Equal(3, File.ReadAllLines(_folder["outbox/tb/worklist.csv"]).Length);
    }

    [Fact]
    public void SwitchedOff_ThereIsNone()
    {
        Deliver("a", "x.png", 1, "b1");
        Directory.CreateDirectory(_folder["outbox/tb"]);
        Worklist list = new(_folder["outbox"], isOn: false, Journal, TimeProvider.System, NullLogger.Instance);
        list.Recover();
        list.Note("tb");
        list.WriteChanged(CancellationToken.None);
        Assert.Empty(Directory.GetFiles(_folder["outbox/tb"]));
    }

    [Fact]
    public void HundredThousandResults_AreWrittenInOneGo_AndThenTheListRests()
    {
        Deliver("a", "x.png", 1, "b1");
        using (JournalConnection connection = new(_folder["melo.db"]))
        {
            connection.Run("""
                INSERT INTO job (task, input, bundle, name, state, attempts, result_name, result, delivery, created_at)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
                SELECT 'tb', printf('%064x', i), 'sha256:b1', printf('%d.png', i), 2, 0, printf('%d.png.json', i), (SELECT result FROM job WHERE id = 1), 2, 'now' FROM n
                """);
        }
        Worklist list = New();
        list.Note("tb");
        Stopwatch watch = Stopwatch.StartNew();
        list.WriteDue(CancellationToken.None);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{watch.ElapsedMilliseconds} ms"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"{watch.Elapsed}");
        string path = _folder["outbox/tb/worklist.csv"];
        Assert.Equal(100_001, File.ReadLines(path).Distinct().Count());
        File.Delete(path);
        list.Note("tb");
        list.WriteDue(CancellationToken.None);
        Assert.False(File.Exists(path), "it was written again at once");
    }

    private Worklist New(ILogger? logger = null) => new(_folder["outbox"], isOn: true, Journal, TimeProvider.System, logger ?? NullLogger.Instance);

    private byte[] Write(string task)
    {
        Directory.CreateDirectory(_folder[$"outbox/{task}"]);
        Worklist list = New();
        list.Recover();
        list.WriteChanged(CancellationToken.None);
        return File.ReadAllBytes(_folder[$"outbox/{task}/worklist.csv"]);
    }

    private static string Input(string letter) => new(letter[0], 64);

    private static JobKey Key(string letter, string bundle, string task = "tb") => new(task, Input(letter), "sha256:" + bundle);

    private Job Complete(string letter, string name, int release, string bundle, string task = "tb") => Journal.Complete(
        Journal.Claim(Key(letter, bundle, task), name),
        Encoding.UTF8.GetBytes($$"""{"release":{{release}},"prediction":{"label":"normal","probability":0.07},"model":{"base":"sha256:base"},"completedAt":"2026-01-31T10:20:30.123Z"}"""), release);

    private void Deliver(string letter, string name, int release, string bundle, string task = "tb") => Journal.MarkDelivered(Complete(letter, name, release, bundle, task), DeliveryState.Settled);

    private sealed class CountingLogger : ILogger
    {
        public int Count { get; private set; }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Count++;
    }
}
