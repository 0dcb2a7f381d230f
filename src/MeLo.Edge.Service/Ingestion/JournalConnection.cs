using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// The one connection to <c>state/melo.db</c>. Write-ahead log, synchronous FULL: a transaction that was committed survives a power
/// failure. Calls are short and serialized by a lock.
/// </summary>
internal sealed class JournalConnection : IDisposable
{
    private const int Version = 1;

    // job.name is needed to name results; the audit table holds digests only.
    private const string Schema = """
        CREATE TABLE job (
          id INTEGER PRIMARY KEY,
          task TEXT NOT NULL,
          input TEXT NOT NULL,
          bundle TEXT NOT NULL,
          name TEXT NOT NULL,
          state INTEGER NOT NULL,
          attempts INTEGER NOT NULL,
          result_name TEXT NOT NULL,
          result BLOB,
          reason_code TEXT,
          reason_message TEXT,
          delivery INTEGER NOT NULL DEFAULT 0,
          created_at TEXT NOT NULL,
          ended_at TEXT,
          UNIQUE (task, input, bundle)
        );
        CREATE INDEX job_input ON job (input);
        CREATE INDEX job_result_name ON job (task, result_name);
        CREATE INDEX job_undelivered ON job (id) WHERE state >= 2 AND delivery = 0;
        CREATE TABLE bundle (
          digest TEXT PRIMARY KEY,
          task TEXT NOT NULL,
          release INTEGER NOT NULL,
          activated_at TEXT NOT NULL
        );
        CREATE INDEX bundle_task ON bundle (task, release);
        CREATE TABLE audit (
          id INTEGER PRIMARY KEY,
          at TEXT NOT NULL,
          event TEXT NOT NULL,
          task TEXT,
          release INTEGER,
          bundle TEXT,
          input TEXT,
          signer TEXT,
          detail TEXT
        );
        """;

    private readonly SqliteConnection _connection;
    private readonly Lock _lock = new();

    static JournalConnection() => SQLitePCL.Batteries_V2.Init();

    /// <exception cref="SqliteException">The file is not a journal, or the disk refuses.</exception>
    public JournalConnection(string path)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            _connection.Open();
            Run("PRAGMA journal_mode = WAL");
            Run("PRAGMA synchronous = FULL");
            Run("PRAGMA busy_timeout = 5000");
            Migrate();
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Runs <paramref name="work"/> in a transaction of its own: all of it is in the journal afterwards, or none.</summary>
    public T Commit<T>(Func<JournalConnection, T> work)
    {
        lock (_lock)
        {
            Run("BEGIN IMMEDIATE");
            try
            {
                T value = work(this);
                Run("COMMIT");
                return value;
            }
            catch
            {
                // SQLite may have rolled back by itself (a full disk); then there is nothing left to roll back.
                try { Run("ROLLBACK"); }
                catch (SqliteException) { /* no transaction is active */ }
                throw;
            }
        }
    }

    /// <summary>Reads rows.</summary>
    public IReadOnlyList<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command(sql, parameters);
            using SqliteDataReader reader = command.ExecuteReader();
            List<T> rows = [];
            while (reader.Read()) rows.Add(row(reader));
            return rows;
        }
    }

    /// <summary>Runs a statement and returns how many rows it changed.</summary>
    public int Run(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command(sql, parameters);
            return command.ExecuteNonQuery();
        }
    }

    public void Dispose() => _connection.Dispose();

    private SqliteCommand Command(string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
#pragma warning disable CA2100 // every statement is a constant of this project; values are parameters
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object? value) in parameters) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    private void Migrate()
    {
        long version = Query("PRAGMA user_version", r => r.GetInt64(0))[0];
        if (version == Version) return;
        if (version != 0) throw new SqliteException($"found a journal of version {version}, expected {Version}", 1);
        Commit(c => c.Run(Schema) + c.Run($"PRAGMA user_version = {Version}"));
    }
}
