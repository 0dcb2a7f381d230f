using System.Text;
using System.Text.Json;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// A task's results for spreadsheets: <c>outbox/TASK/worklist.csv</c> (RFC 4180, UTF-8 with a byte order mark, by which Excel knows it).
/// </summary>
/// <remarks>
/// The list is written anew from the journal, whole, and renamed into place. So whatever is cut short or repeated, it has every result once, and nobody sees a half line, which appending could not promise;
/// and there is no position to keep that a crash or somebody's editing could make wrong. That would be quadratic if it were done for every result: instead the lists are left alone for twenty times as long as
/// writing them took, so that it never takes more than a twentieth of a processor, however long they are.
/// </remarks>
internal sealed class Worklist(string outbox, bool isOn, JobJournal journal, TimeProvider time, ILogger logger)
{
    /// <summary>The file's name: no result can have it, all of theirs have a digest.</summary>
    public const string Name = "worklist.csv";

    private const string Header = "completedAt,inputName,label,probability,resultFile,inputSha256,release,bundle,base";

    private const int RestFactor = 20;

    // The journal answers nobody else meanwhile: some milliseconds.
    private const int Page = 500;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: true);

    private readonly Lock _lock = new();
    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);
    private readonly HashSet<string> _failing = new(StringComparer.Ordinal);
    private long _restedSince;
    private TimeSpan _rest;

    /// <summary>At start-up: what was delivered before a crash may not be in the lists.</summary>
    public void Recover()
    {
        if (!isOn) return;
        foreach (string task in Directory.EnumerateDirectories(outbox)) Note(Path.GetFileName(task));
    }

    /// <summary>A task has another result, delivered.</summary>
    public void Note(string task)
    {
        if (!isOn) return;
        lock (_lock) _changed.Add(task);
    }

    /// <summary>Writes the lists that have changed, unless they are to rest. One call at a time.</summary>
    public void WriteDue(CancellationToken stopping)
    {
        if (time.GetElapsedTime(_restedSince) >= _rest) WriteChanged(stopping);
    }

    /// <summary>Writes the lists that have changed. What is cancelled or cannot be written now stays to be done.</summary>
    public void WriteChanged(CancellationToken stopping)
    {
        string[] tasks;
        lock (_lock)
        {
            tasks = [.. _changed];
            _changed.Clear();
        }
        if (tasks.Length == 0) return;
        long start = time.GetTimestamp();
        foreach (string task in tasks)
        {
            try
            {
                string folder = Path.Combine(outbox, task);
                Directory.CreateDirectory(folder);
                DurableFile.Write(Path.Combine(folder, Name), stream => Write(stream, task, stopping));
                _failing.Remove(task);
            }
            catch (OperationCanceledException)
            {
                Note(task);
            }
            catch (Exception e) when (StorageTrouble.Is(e))
            {
                Note(task); // a full disk; on Windows also a spreadsheet that holds the file open
                if (_failing.Add(task)) logger.WorklistWaits(task, StorageTrouble.Describe(e));
            }
        }
        _restedSince = time.GetTimestamp();
        _rest = RestFactor * time.GetElapsedTime(start, _restedSince);
    }

    private void Write(Stream stream, string task, CancellationToken stopping)
    {
        using StreamWriter writer = new(stream, s_utf8, bufferSize: 1 << 16, leaveOpen: true) { NewLine = "\r\n" };
        writer.WriteLine(Header);
        for (long after = 0; ;)
        {
            stopping.ThrowIfCancellationRequested();
            IReadOnlyList<Job> jobs = journal.Delivered(task, after, Page);
            foreach (Job job in jobs) writer.WriteLine(Line(job));
            if (jobs.Count < Page) return;
            after = jobs[^1].Id;
        }
    }

    /// <summary>A result's line.</summary>
    internal static string Line(Job job)
    {
        using JsonDocument document = JsonDocument.Parse(job.Result);
        JsonElement root = document.RootElement, prediction = root.GetProperty("prediction"), model = root.GetProperty("model");
        return string.Join(',', ((string[])
        [
            root.GetProperty("completedAt").GetString()!, job.Name, prediction.GetProperty("label").GetString()!, prediction.GetProperty("probability").GetRawText(), job.ResultName,
            job.Key.Input, root.GetProperty("release").GetRawText(), job.Key.Bundle, model.GetProperty("base").GetString()!,
        ]).Select(Cell));
    }

    /// <summary>A cell: on one line, and text to a spreadsheet where it would be a formula (OWASP, "CSV injection"): an apostrophe goes before it.</summary>
    internal static string Cell(string text)
    {
        string cell = string.Concat(ResultDocument.Wellformed(text).Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? '_' : c));
        // Full-width signs are signs to spreadsheets, too; so are those behind spaces, where they trim.
        if (cell.TrimStart() is ['=' or '+' or '-' or '@' or '＝' or '＋' or '－' or '＠', ..] || text is ['\t' or '\r' or '\n', ..]) cell = "'" + cell;
        // Semicolons divide cells where commas are in numbers.
        return cell.AsSpan().ContainsAny(",;\"") || cell.StartsWith(' ') || cell.EndsWith(' ') ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
    }
}
