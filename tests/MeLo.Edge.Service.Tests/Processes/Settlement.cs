using System.Text.Json;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Tests.Processes;

/// <summary>What was dropped, and whether everything became what it should.</summary>
internal static class Settlement
{
    public static void Drop(Installation installation, Dictionary<string, string> dropped, int number, string? task = null, bool urgent = false)
    {
        task ??= Installation.Tasks[number % Installation.Tasks.Count];
        byte[] bytes = Installation.Picture(number);
        dropped.Add(Sha256(bytes), task);
        installation.Drop(urgent ? Path.Combine(task, DataFolder.StatName) : task, $"image-{number}.png", bytes);
    }

    /// <summary>Each image exactly one result, none lost, none twice, none quarantined, nothing half-written ever seen, nothing left over.</summary>
    public static void AssertSettled(Installation installation, Dictionary<string, string> dropped, OutboxWatcher watcher)
    {
        Assert.Empty(watcher.Faults);
        foreach (string task in Installation.Tasks)
        {
            HashSet<string> expected = [.. dropped.Where(d => d.Value == task).Select(d => d.Key)];
            Assert.Empty(installation.Inbox(task));
            Assert.Empty(installation.Inbox(Path.Combine(task, DataFolder.StatName)));
            Assert.Empty(installation.Quarantine(task));
            List<string> answered = [];
            foreach (string name in installation.Outbox(task))
            {
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Outbox, task, name)));
                answered.Add(document.RootElement.GetProperty("input").GetProperty("sha256").GetString()!);
            }
            Assert.Equal(expected.Count, answered.Count);
            Assert.True(expected.SetEquals(answered));
            string processed = Path.Combine(installation.Data.Processed, task);
            Assert.True(expected.SetEquals(installation.Processed(task).Select(n => Sha256(File.ReadAllBytes(Path.Combine(processed, n))))));
            Assert.Equal(expected.Count, installation.Processed(task).Length);
            Assert.DoesNotContain(Directory.GetFiles(Path.Combine(installation.Data.Outbox, task)), f => Path.GetFileName(f).StartsWith('.'));
        }
        // 1, not 2, where a crash came between the input's last move and the note of it: the result is written either way.
        Assert.Equal(dropped.Count, Scalar(installation, "SELECT count(*) FROM job WHERE state = 2 AND delivery >= 1"));
        Assert.Equal(dropped.Count, Scalar(installation, "SELECT count(*) FROM job"));
        Assert.Equal(dropped.Count, Scalar(installation, "SELECT count(*) FROM audit WHERE event = 'result'"));
    }

    public static (JobState, int) Attempts(Installation installation, string sha256)
    {
        if (!File.Exists(installation.Data.Journal)) return default;
        try
        {
            using SqliteConnection connection = new($"Data Source={installation.Data.Journal};Pooling=False;Mode=ReadOnly");
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT state, attempts FROM job WHERE input = $input";
            command.Parameters.AddWithValue("$input", sha256);
            using SqliteDataReader reader = command.ExecuteReader();
            return reader.Read() ? ((JobState)reader.GetInt32(0), reader.GetInt32(1)) : default;
        }
        catch (SqliteException)
        {
            return default; // the journal is being made
        }
    }

    public static long Scalar(Installation installation, string sql)
    {
        using JournalConnection journal = new(installation.Data.Journal);
        return journal.Query(sql, r => r.GetInt64(0))[0];
    }

    public static string Sha256(byte[] bytes) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
}
