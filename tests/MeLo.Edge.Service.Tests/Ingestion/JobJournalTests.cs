using System.Text;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Tests.Ingestion;

public sealed class JobJournalTests : IDisposable
{
    private static readonly string s_input = new('a', 64);
    private static readonly JobKey s_key = new("tb", s_input, "sha256:b1");
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTime _time = new();
    private JobJournal _journal;

    public JobJournalTests() => _journal = new JobJournal(_folder["melo.db"], _time);

    public void Dispose()
    {
        _journal.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void NewInput_IsClaimedWithItsFirstAttemptOnDisk()
    {
        Job job = _journal.Claim(s_key, "x.png");
        Assert.Equal(JobState.Parsing, job.State);
        Assert.Equal(1, job.Attempts);
        using JobJournal other = new(_folder["melo.db"], _time); // what a process would find that starts now
        Assert.Equal(job, other.Find(s_key));
    }

    [Fact]
    public void ThirdAttemptLost_IsQuarantined()
    {
        for (int attempt = 1; attempt <= 3; attempt++)
        {
            Assert.Equal((JobState.Parsing, attempt), (_journal.Claim(s_key, "x.png").State, _journal.Find(s_key)!.Attempts));
            Crash();
        }
        Job job = _journal.Claim(s_key, "x.png");
        Assert.Equal(JobState.Quarantined, job.State);
        Assert.Equal(Reason.KilledTheProcess, job.Reason!.Code);
    }

    [Fact]
    public void QuarantinedInput_IsTriedAgainOnlyWhenSomebodyDropsItAgain_AndNeverIfItKills()
    {
        Job job = _journal.Quarantine(_journal.Claim(s_key, "x.png"), new Reason(Reason.UnreadableImage, "broken"));
        Assert.Equal(JobState.Quarantined, _journal.Claim(s_key, "x.png").State); // still in the inbox: a crash came between
        _journal.MarkDelivered(job, DeliveryState.Settled);
        Job again = _journal.Claim(s_key, "x.png");
        Assert.Equal((JobState.Parsing, 1, DeliveryState.None), (again.State, again.Attempts, again.Delivery));
        job = _journal.Quarantine(again, new Reason(Reason.KilledTheProcess, "killer"));
        _journal.MarkDelivered(job, DeliveryState.Settled);
        Assert.Equal(JobState.Quarantined, _journal.Claim(s_key, "x.png").State);
    }

    [Fact]
    public void LostAttempts_FollowTheBytes_NotTheTaskOrTheBundle()
    {
        _journal.Claim(s_key, "x.png");
        _journal.Claim(s_key with { Task = "blood" }, "y.png");
        _journal.Claim(s_key with { Bundle = "sha256:b2" }, "z.png");
        Assert.Equal(JobState.Quarantined, _journal.Claim(s_key with { Bundle = "sha256:b3" }, "x.png").State);
    }

    [Fact]
    public void ParsedFile_HasNoAttemptsLeftAgainstIt()
    {
        for (int i = 0; i < 10; i++)
        {
            Job job = _journal.Claim(s_key, "x.png");
            Assert.Equal(1, job.Attempts);
            _journal.Return(job);
            Crash();
        }
        Assert.Equal(JobState.Waiting, _journal.Find(s_key)!.State);
    }

    [Fact]
    public void CompletedJob_KeepsItsBytes_AndIsNeverClaimedAgain()
    {
        Job job = _journal.Claim(s_key, "x.png");
        byte[] result = Encoding.UTF8.GetBytes("{}");
        Job done = _journal.Complete(job, result, 3);
        Assert.Equal(result, done.Result);
        Crash();
        Job again = _journal.Claim(s_key, "other name.png");
        Assert.Equal(JobState.Done, again.State);
        Assert.Equal(result, again.Result);
        Assert.Equal("x.png." + s_input[..12] + ".json", again.ResultName);
        Assert.Equal(again.Id, Assert.Single(_journal.Undelivered()).Id);
        _journal.MarkDelivered(again, DeliveryState.Settled);
        Assert.Empty(_journal.Undelivered());
        _journal.MarkDelivered(again, DeliveryState.Written);
        Assert.Equal(DeliveryState.Settled, _journal.Find(s_key)!.Delivery);
    }

    [Fact]
    public void NewRelease_GetsTheSameResultName_AndHidesTheOlderUndeliveredResult()
    {
        _journal.Complete(_journal.Claim(s_key, "x.png"), [1], 1);
        JobKey newer = s_key with { Bundle = "sha256:b2" };
        Job second = _journal.Complete(_journal.Claim(newer, "renamed.png"), [2], 2);
        Assert.Equal(_journal.Find(s_key)!.ResultName, second.ResultName);
        Assert.Equal(second.Id, Assert.Single(_journal.Undelivered()).Id);
        Assert.Equal([1], _journal.Find(s_key)!.Result!);
    }

    [Fact]
    public void OtherBytesWithTheSameDigestStart_GetAnotherResultName()
    {
        Job one = _journal.Claim(s_key, "x.png");
        Job two = _journal.Claim(s_key with { Input = new string('a', 12) + new string('b', 52) }, "x.png");
        Assert.NotEqual(one.ResultName, two.ResultName);
    }

    [Fact]
    public void FailedTransaction_LeavesNothing()
    {
        using JournalConnection connection = new(_folder["other.db"]);
        Assert.Throws<InvalidOperationException>(() => connection.Commit<int>(c =>
        {
            c.Run("INSERT INTO audit (at, event) VALUES ('now', 'x')");
            throw new InvalidOperationException();
        }));
        Assert.Equal(0, connection.Query("SELECT count(*) FROM audit", r => r.GetInt32(0))[0]);
        Assert.Equal(1, connection.Commit(c => c.Run("INSERT INTO audit (at, event) VALUES ('now', 'y')")));
    }

    [Fact]
    public void Releases_AreRemembered()
    {
        Assert.Equal(0, _journal.HighestRelease("tb"));
        _journal.Activate("tb", 3, "sha256:b3", "signer");
        _journal.Activate("tb", 3, "sha256:b3", "signer");
        _journal.Supersede("tb", 2, "sha256:b2");
        Crash();
        Assert.Equal(3, _journal.HighestRelease("tb"));
        Assert.True(_journal.Knows("sha256:b2"));
        Assert.True(_journal.IsReleaseTaken("tb", 3, "sha256:other"));
        Assert.False(_journal.IsReleaseTaken("tb", 3, "sha256:b3"));
    }

    [Fact]
    public void AuditTable_HoldsDigests_NotNames()
    {
        Job job = _journal.Claim(s_key, "Doe, Jane 1970.png");
        _journal.Complete(job, [1], 1);
        _journal.Quarantine(_journal.Claim(s_key with { Input = new string('c', 64) }, "Doe, Jane 1970.png"), new Reason("unreadable-image", "found x"));
        using SqliteConnection connection = new("Data Source=" + _folder["melo.db"] + ";Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT * FROM audit";
        using SqliteDataReader reader = command.ExecuteReader();
        int rows = 0;
        for (; reader.Read(); rows++)
        {
            for (int column = 0; column < reader.FieldCount; column++)
                Assert.DoesNotContain("Doe", reader.GetValue(column).ToString(), StringComparison.Ordinal);
        }
        Assert.Equal(2, rows);
    }

    [Fact]
    public void Journal_IsDurableByItsSettings()
    {
        using JournalConnection connection = new(_folder["settings.db"]);
        Assert.Equal("wal", connection.Query("PRAGMA journal_mode", r => r.GetString(0))[0]);
        Assert.Equal(2, connection.Query("PRAGMA synchronous", r => r.GetInt32(0))[0]);
    }

    [Fact]
    public void JournalOfALaterVersion_IsRefused()
    {
        using (JournalConnection connection = new(_folder["later.db"])) connection.Run("PRAGMA user_version = 99");
        Assert.Contains("99", Assert.Throws<SqliteException>(() => new JournalConnection(_folder["later.db"])).Message, StringComparison.Ordinal);
    }

    // Nothing is told to the journal before the next start; what was committed must be there.
    private void Crash()
    {
        _journal.Dispose();
        _journal = new JobJournal(_folder["melo.db"], _time);
    }
}
