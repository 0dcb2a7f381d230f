using System.Diagnostics;
using MeLo.Edge.Service;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Tests.Processes;

/// <summary>The promises of the service, with a process that is killed, a disk that is full, and files that cannot be read.</summary>
public sealed class CrashTests
{
    [Fact]
    public void FullDisk_LosesNothing_AndWorkGoesOnWhenThereIsRoom()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "needs root on Linux to mount a small file system");
        using TemporaryFolder mountPoint = new();
        using Mount mount = new(mountPoint.Root, "40m");
        Assert.SkipUnless(mount.IsMounted, "this machine does not allow mounting a tmpfs");
        using Installation installation = new(mountPoint.Root);
        using OutboxWatcher watcher = new(installation.Data);
        Dictionary<string, string> dropped = [];
        for (int i = 0; i < 200; i++) Settlement.Drop(installation, dropped, i);
        string filler = Path.Combine(mountPoint.Root, "filler");

        using (ServiceProcess service = ServiceProcess.Start(installation.Data.Root))
        {
            service.WaitUntil(() => watcher.Count >= 20, "there were results");
            Fill(filler);
            service.WaitUntil(() => service.Errors.Contains("Hindered (storage)", StringComparison.Ordinal), "the disk was full");
            Fill(filler);
            Thread.Sleep(1000);
            Assert.False(service.HasExited);
            Assert.InRange(service.Errors.Split("Hindered (storage)").Length - 1, 1, 10); // a state, not a line for every file and try
            Assert.DoesNotContain("tried again", service.Errors, StringComparison.Ordinal);
            service.Kill(); // and the next one starts on a full disk
        }
        using (ServiceProcess service = ServiceProcess.Start(installation.Data.Root)) service.WaitForExitOr(TimeSpan.FromSeconds(3));
        Assert.True(watcher.Count < 200, "the disk was never full");
        File.Delete(filler);

        using (ServiceProcess service = ServiceProcess.Start(installation.Data.Root))
        {
            service.WaitUntil(() => watcher.Count >= 100, "work went on");
            Fill(filler); // full while it runs, and free again without a restart
            Thread.Sleep(1000);
            File.Delete(filler);
            service.WaitUntil(() => watcher.Count == 200, "everything was done");
            service.Terminate();
            Assert.Equal(0, service.WaitForExit());
        }
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        Settlement.AssertSettled(installation, dropped, watcher);
    }

    [Fact]
    public void FileThatTheProcessDiesWith_IsQuarantinedAfterItsThirdAttempt_AndNobodyElseIs()
    {
        using Installation installation = new();
        string task = Installation.Tasks[0];
        // A real picture that takes long to parse stands for one that kills the parser: the process is killed while it parses it.
        byte[] slow = PngFile.Write(new Picture(7000, 7000, 1, new ushort[7000 * 7000]), 16);
        installation.Drop(task, "killer.png", slow);
        Dictionary<string, string> dropped = [];
        for (int attempt = 1; attempt <= JobJournal.MaximumAttempts; attempt++)
        {
            Settlement.Drop(installation, dropped, attempt, task);
            using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
            string sha256 = Settlement.Sha256(slow);
            int expected = attempt;
            service.WaitUntil(() => Settlement.Attempts(installation, sha256) == (JobState.Parsing, expected), $"attempt {attempt} was in the journal");
            service.Kill();
            Assert.Equal((JobState.Parsing, attempt), Settlement.Attempts(installation, sha256));
        }
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        Assert.Equal(["killer.png", "killer.png.reason.json"], installation.Quarantine(task));
        Assert.Contains(Reason.KilledTheProcess, File.ReadAllText(Path.Combine(installation.Data.Quarantine, task, "killer.png.reason.json")), StringComparison.Ordinal);
        Assert.Equal(3, installation.Outbox(task).Length);
        Assert.Empty(installation.Inbox(task));
    }

    [Fact]
    public void Sigterm_EndsInOrder_AndCountsNoAttempt()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs SIGTERM");
        using Installation installation = new();
        using OutboxWatcher watcher = new(installation.Data);
        Dictionary<string, string> dropped = [];
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 50; i++) Settlement.Drop(installation, dropped, (round * 50) + i);
            int before = watcher.Count;
            using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
            // Its own: before it has any, it may not have begun to listen for the signal.
            service.WaitUntil(() => watcher.Count >= before + 25, "there were results");
            service.Terminate();
            Assert.Equal(0, service.WaitForExit());
            Assert.Equal(0, Settlement.Scalar(installation, "SELECT coalesce(sum(attempts), 0) FROM job"));
            Assert.Equal(0, Settlement.Scalar(installation, "SELECT count(*) FROM job WHERE state = 1"));
            // What had a result when it stopped has left the inbox too.
            Assert.Equal(0, Settlement.Scalar(installation, "SELECT count(*) FROM job WHERE state = 2 AND delivery < 2"));
        }
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        Settlement.AssertSettled(installation, dropped, watcher);
    }

    [Fact]
    public void FilesThatCannotBeRead_AreQuarantined_AndTheOthersAreNot()
    {
        Nobody.SkipUnlessPossible();
        using Installation installation = new();
        using OutboxWatcher watcher = new(installation.Data);
        Dictionary<string, string> dropped = [];
        for (int i = 0; i < 30; i++) Settlement.Drop(installation, dropped, i);
        string task = Installation.Tasks[0];
        string unreadable = installation.Drop(task, "unreadable.png", Installation.Picture(1000));
        Nobody.RunOnce(installation, unreadable);
        Assert.Equal(["unreadable.png", "unreadable.png.reason.json"], installation.Quarantine(task));
        Assert.Contains(Reason.UnreadableFile, File.ReadAllText(Path.Combine(installation.Data.Quarantine, task, "unreadable.png.reason.json")), StringComparison.Ordinal);
        File.Delete(Path.Combine(installation.Data.Quarantine, task, "unreadable.png"));
        File.Delete(Path.Combine(installation.Data.Quarantine, task, "unreadable.png.reason.json"));
        Settlement.AssertSettled(installation, dropped, watcher);
    }

    [Fact]
    public void ReadOnlyDataFolder_IsNotTakenForOneInUse()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "needs root on Linux to mount a small file system");
        using TemporaryFolder mountPoint = new();
        using Mount mount = new(mountPoint.Root, "40m");
        Assert.SkipUnless(mount.IsMounted, "this machine does not allow mounting a tmpfs");
        using Installation installation = new(mountPoint.Root);
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        Run("mount", ["-o", "remount,ro", mountPoint.Root]);
        (int code, _, string errors) = ServiceProcess.Once(installation.Data.Root);
        Assert.Equal((int)ExitCode.DataFolder, code);
        Assert.Contains("cannot be used", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedJournal_EndsWithTheCodeForTheDataFolder()
    {
        using Installation installation = new();
        string task = Installation.Tasks[0];
        for (int i = 0; i < 20; i++) installation.Drop(task, $"{i}.png", Installation.Picture(i));
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        using (FileStream journal = File.OpenWrite(installation.Data.Journal))
        {
            journal.Position = 4096; // the header stays: SQLite takes it for a database still
            journal.Write(Enumerable.Repeat((byte)0xA5, (int)(journal.Length - 4096)).ToArray());
        }
        installation.Drop(task, "next.png", Installation.Picture(20));
        (int code, _, string errors) = ServiceProcess.Once(installation.Data.Root);
        Assert.Equal((int)ExitCode.DataFolder, code);
        Assert.Contains("error: the data folder", errors, StringComparison.Ordinal);
        Assert.Equal(["next.png"], installation.Inbox(task));
    }

    [Fact]
    public void OutboxOfOneTaskThatCannotBeWritten_HindersUntilThatTaskIsDelivered_AndIsLoggedOnce()
    {
        using Installation installation = new();
        (string broken, string sound) = (Installation.Tasks[0], Installation.Tasks[1]);
        string inTheWay = Path.Combine(installation.Data.Outbox, broken);
        using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
        service.WaitUntil(() => Directory.Exists(Path.Combine(installation.Data.Inbox, broken)), "the task was active");
        Directory.Delete(inTheWay, recursive: true);
        File.WriteAllText(inTheWay, "no folder");
        for (int i = 0; i < 3; i++) installation.Drop(broken, $"{i}.png", Installation.Picture(i));
        service.WaitUntil(() => service.Errors.Contains("Hindered (storage)", StringComparison.Ordinal), "it was hindered");
        for (int i = 0; i < 8; i++) installation.Drop(sound, $"{i}.png", Installation.Picture(i));
        service.WaitUntil(() => installation.Processed(sound).Length == 8, "the other task's images were delivered");
        Assert.DoesNotContain("No longer hindered", service.Errors, StringComparison.Ordinal);

        File.Delete(inTheWay);
        service.WaitUntil(() => installation.Processed(broken).Length == 3, "the waiting images were delivered");
        service.WaitUntil(() => service.Errors.Contains("No longer hindered (storage)", StringComparison.Ordinal), "it was no longer hindered");
        Assert.Equal(2, service.Errors.Split("Hindered (storage)").Length);
    }

    [Fact]
    public void WorkerThatFails_EndsTheProcessWithACodeForTheServiceManager()
    {
        using Installation installation = new();
        using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
        service.WaitUntil(() => service.Errors.Contains("is active", StringComparison.Ordinal), "a task was active");
        using (SqliteConnection connection = new($"Data Source={installation.Data.Journal};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "DROP TABLE job"; // nothing that waiting could mend
            command.ExecuteNonQuery();
        }
        installation.Drop(Installation.Tasks[0], "Doe-Jane.png", Installation.Picture(1));
        Assert.Equal((int)ExitCode.Failed, service.WaitForExit());
        Assert.Contains("The worker failed", service.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Doe", service.Errors, StringComparison.Ordinal);
        Assert.Single(installation.Inbox(Installation.Tasks[0]));
    }

    private static void Fill(string path)
    {
        byte[] block = new byte[4096];
        using FileStream stream = new(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0);
        stream.Seek(0, SeekOrigin.End);
        try
        {
            while (true) stream.Write(block);
        }
        catch (IOException)
        {
            // That is what it is for.
        }
    }

    private static int Run(string program, string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode;
    }

    private sealed class Mount : IDisposable
    {
        private readonly string _path;

        public Mount(string path, string size)
        {
            _path = path;
            IsMounted = Run("mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", path]) == 0;
        }

        public bool IsMounted { get; }

        public void Dispose()
        {
            if (IsMounted) Run("umount", ["-l", _path]);
        }
    }
}
