namespace MeLo.Edge.Service.Ingestion;

/// <summary>What the audit table records. The names are part of its contract.</summary>
internal static class AuditEvent
{
    public const string Result = "result";
    public const string Duplicate = "duplicate";
    public const string Quarantined = "quarantined";
    public const string Answered = "answered"; // over HTTP
    public const string Activated = "activated";
    public const string Refused = "refused";
    public const string Retired = "retired";
}

internal sealed partial class JobJournal
{
    /// <summary>Adds a line to the audit table: which content, which bundle, signed by whom; never a name.</summary>
    public void Audit(string @event, string? task, int? release, string? bundle, string? input = null, string? signer = null, string? detail = null) =>
        Audit(_connection, @event, task, release, bundle, input, signer, detail);

    /// <summary>The highest release of a task that was ever activated here; 0 when none was.</summary>
    public int HighestRelease(string task) => _connection.Query(
        "SELECT coalesce(max(release), 0) FROM bundle WHERE task = $task", r => r.GetInt32(0), ("$task", task))[0];

    /// <summary>Whether a bundle was ever activated or accepted beside a higher release.</summary>
    public bool Knows(string digest) => _connection.Query("SELECT 1 FROM bundle WHERE digest = $digest", r => r.GetInt32(0), ("$digest", digest)).Count > 0;

    /// <summary>Whether another bundle was activated as this release of the task.</summary>
    public bool IsReleaseTaken(string task, int release, string digest) => _connection.Query(
        "SELECT 1 FROM bundle WHERE task = $task AND release = $release AND digest <> $digest", r => r.GetInt32(0),
        ("$task", task), ("$release", release), ("$digest", digest)).Count > 0;

    /// <summary>Records that a bundle is active from now on.</summary>
    public void Activate(string task, int release, string digest, string? signer) => _connection.Commit(c =>
    {
        c.Run("INSERT OR IGNORE INTO bundle (digest, task, release, activated_at) VALUES ($digest, $task, $release, $at)",
            ("$digest", digest), ("$task", task), ("$release", release), ("$at", Now()));
        return Audit(c, AuditEvent.Activated, task, release, digest, signer: signer);
    });

    /// <summary>Records a release that is present and trusted while a higher one of its task is active.</summary>
    public void Supersede(string task, int release, string digest) => _connection.Run(
        "INSERT OR IGNORE INTO bundle (digest, task, release, activated_at) VALUES ($digest, $task, $release, $at)",
        ("$digest", digest), ("$task", task), ("$release", release), ("$at", Now()));

    private int Audit(JournalConnection c, string @event, string? task, int? release, string? bundle,
        string? input = null, string? signer = null, string? detail = null) =>
        c.Run("""
            INSERT INTO audit (at, event, task, release, bundle, input, signer, detail)
            VALUES ($at, $event, $task, $release, $bundle, $input, $signer, $detail)
            """,
            ("$at", Now()), ("$event", @event), ("$task", task), ("$release", release), ("$bundle", bundle),
            ("$input", input), ("$signer", signer), ("$detail", detail));
}
