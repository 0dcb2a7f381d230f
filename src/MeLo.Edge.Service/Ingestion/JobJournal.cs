using System.Globalization;
using MeLo.Edge.Service.Files;
using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// What has been done and what has not, across crashes: jobs, bundles, audit. A job's result is committed here, whole, before any
/// file of it is written; files follow from the journal, and can be written again with the same bytes.
/// </summary>
/// <remarks>Safe for concurrent use. Every method that changes something has it on disk when it returns.</remarks>
internal sealed partial class JobJournal : IDisposable
{
    /// <summary>A file that ended the process this many times while it was parsed is not parsed again.</summary>
    public const int MaximumAttempts = 3;

    private const string Columns =
        "id, task, input, bundle, name, state, attempts, result_name, result, reason_code, reason_message, delivery";

    private readonly JournalConnection _connection;
    private readonly TimeProvider _time;

    public JobJournal(string path, TimeProvider time)
    {
        _connection = new JournalConnection(path);
        _time = time;
    }

    /// <summary>
    /// Claims a job: the one that is there, or a new one. Unless it has ended, its next attempt is recorded before this returns, so that
    /// a file that kills the process is known to have done so. An input whose attempts are used up is quarantined instead. A
    /// quarantined input that somebody drops again is tried again (the software may have learned to read it), unless it is a killer.
    /// </summary>
    /// <returns>The job as it is now: <see cref="JobState.Parsing"/> when it is to be parsed, else how it ended.</returns>
    public Job Claim(JobKey key, string name) => _connection.Commit(c =>
    {
        Job? job = Find(key);
        if (job?.State == JobState.Done) return job;
        bool droppedAgain = job is { State: JobState.Quarantined, Delivery: DeliveryState.Settled } && job.Reason?.Code != Reason.KilledTheProcess;
        if (job?.State == JobState.Quarantined && !droppedAgain) return job;
        // The bytes are what kills a parser, whatever task or bundle they were meant for.
        long lost = c.Query("SELECT coalesce(sum(attempts), 0) FROM job WHERE input = $input", r => r.GetInt64(0), ("$input", key.Input))[0];
        if (job is null) job = Insert(c, key, name);
        if (lost >= MaximumAttempts)
            return Refuse(c, job.Id, new Reason(Reason.KilledTheProcess, $"the process ended {lost} times while it parsed this file"));
        c.Run("""
            UPDATE job SET state = 1, attempts = attempts + 1, reason_code = NULL, reason_message = NULL, ended_at = NULL, delivery = 0
            WHERE id = $id
            """, ("$id", job.Id));
        return Get(job.Id);
    });

    /// <summary>Records that the file was parsed, or handed back unharmed: its attempts do not count any more.</summary>
    public void Return(Job job) => _connection.Commit(c =>
        c.Run("UPDATE job SET attempts = 0, state = CASE state WHEN 1 THEN 0 ELSE state END WHERE input = $input", ("$input", job.Key.Input)));

    /// <summary>Records that a job ended in a result, together with the result itself.</summary>
    public Job Complete(Job job, byte[] result, int release) => _connection.Commit(c =>
    {
        c.Run("UPDATE job SET state = 2, attempts = 0, result = $result, ended_at = $at WHERE id = $id",
            ("$result", result), ("$at", Now()), ("$id", job.Id));
        Audit(c, AuditEvent.Result, job.Key.Task, release, job.Key.Bundle, job.Key.Input);
        return Get(job.Id);
    });

    /// <summary>Records that a job's input cannot be used.</summary>
    public Job Quarantine(Job job, Reason reason) => _connection.Commit(c => Refuse(c, job.Id, reason));

    /// <summary>Records how far a job's outcome has reached the folders.</summary>
    public void MarkDelivered(Job job, DeliveryState delivery) =>
        _connection.Run("UPDATE job SET delivery = max(delivery, $delivery) WHERE id = $id", ("$delivery", (int)delivery), ("$id", job.Id));

    /// <summary>Records an attempt to make a result's heat map, until <see cref="EndExplaining"/>.</summary>
    /// <returns>False when the process ended so often in one that there is to be none.</returns>
    public bool TryExplain(Job job) => _connection.Commit(c =>
    {
        if (Get(job.Id).Attempts >= MaximumAttempts) return false;
        c.Run("UPDATE job SET attempts = attempts + 1 WHERE id = $id", ("$id", job.Id));
        return true;
    });

    /// <summary>Records that the process did not end in the attempt.</summary>
    public void EndExplaining(Job job) => _connection.Run("UPDATE job SET attempts = 0 WHERE id = $id", ("$id", job.Id));

    /// <summary>Results that are committed but may not have reached the outbox, oldest first. One that a later release replaced is not among them.</summary>
    public IReadOnlyList<Job> Undelivered() => _connection.Query($"""
        SELECT {Columns} FROM job j WHERE state = 2 AND delivery = 0
        AND NOT EXISTS (SELECT 1 FROM job n WHERE n.task = j.task AND n.input = j.input AND n.state = 2 AND n.id > j.id)
        ORDER BY id
        """, Row);

    /// <summary>Results of a task that have reached the outbox, in the order in which their inputs came: a page of those after a job. One that a later release replaced is not among them.</summary>
    public IReadOnlyList<Job> Delivered(string task, long after, int most) => _connection.Query($"""
        SELECT {Columns} FROM job j WHERE id > $after AND +task = $task AND state = 2 AND delivery > 0
        AND NOT EXISTS (SELECT 1 FROM job n WHERE n.task = j.task AND n.input = j.input AND n.state = 2 AND n.delivery > 0 AND n.id > j.id)
        ORDER BY id LIMIT $most
        """, Row, ("$task", task), ("$after", after), ("$most", most)); // the plus keeps SQLite from sorting all of the task's for every page

    /// <summary>The job of that key, if there is one.</summary>
    public Job? Find(JobKey key) => _connection.Query(
        $"SELECT {Columns} FROM job WHERE task = $task AND input = $input AND bundle = $bundle", Row,
        ("$task", key.Task), ("$input", key.Input), ("$bundle", key.Bundle)) is [Job job, ..] ? job : null;

    /// <summary>How many jobs stand where.</summary>
    public IReadOnlyDictionary<JobState, long> Totals() => _connection.Query(
        "SELECT state, count(*) FROM job GROUP BY state", r => ((JobState)r.GetInt32(0), r.GetInt64(1))).ToDictionary(r => r.Item1, r => r.Item2);

    /// <summary>Copies the write-ahead log into the database, so that a stopped service leaves one file.</summary>
    public void Checkpoint() => _connection.Query("PRAGMA wal_checkpoint(TRUNCATE)", r => r.GetInt32(0));

    public void Dispose() => _connection.Dispose();

    private Job Get(long id) => _connection.Query($"SELECT {Columns} FROM job WHERE id = $id", Row, ("$id", id))[0];

    private Job Insert(JournalConnection c, JobKey key, string name)
    {
        c.Run("""
            INSERT INTO job (task, input, bundle, name, state, attempts, result_name, created_at)
            VALUES ($task, $input, $bundle, $name, 0, 0, $resultName, $at)
            """,
            ("$task", key.Task), ("$input", key.Input), ("$bundle", key.Bundle), ("$name", name),
            ("$resultName", ResultName(c, key, name)), ("$at", Now()));
        return Find(key)!;
    }

    // The same bytes keep their result's name, so that a new release's result takes the place of the old one; other bytes never get it.
    private static string ResultName(JournalConnection c, JobKey key, string name)
    {
        if (c.Query("SELECT result_name FROM job WHERE task = $task AND input = $input ORDER BY id LIMIT 1", r => r.GetString(0),
            ("$task", key.Task), ("$input", key.Input)) is [string known]) return known;
        string result = FileNames.Result(name, key.Input);
        bool taken = c.Query("SELECT 1 FROM job WHERE task = $task AND result_name = $name LIMIT 1", r => r.GetInt32(0),
            ("$task", key.Task), ("$name", result)).Count > 0;
        return taken ? FileNames.Result(name, key.Input, digits: 24) : result;
    }

    private Job Refuse(JournalConnection c, long id, Reason reason)
    {
        c.Run("UPDATE job SET state = 3, attempts = 0, reason_code = $code, reason_message = $message, ended_at = $at WHERE id = $id",
            ("$code", reason.Code), ("$message", reason.Message), ("$at", Now()), ("$id", id));
        Job job = Get(id);
        Audit(c, AuditEvent.Quarantined, job.Key.Task, null, job.Key.Bundle, job.Key.Input, detail: reason.Code);
        return job;
    }

    private string Now() => Timestamp(_time.GetUtcNow());

    internal static string Timestamp(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static Job Row(SqliteDataReader row) => new(
        row.GetInt64(0),
        new JobKey(row.GetString(1), row.GetString(2), row.GetString(3)),
        row.GetString(4),
        (JobState)row.GetInt32(5),
        row.GetInt32(6),
        row.GetString(7),
        row.IsDBNull(8) ? null : row.GetFieldValue<byte[]>(8),
        row.IsDBNull(9) ? null : new Reason(row.GetString(9), row.GetString(10)),
        (DeliveryState)row.GetInt32(11));
}
