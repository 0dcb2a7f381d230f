using System.Diagnostics;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Tests.Files;

public sealed class RegularFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RegularFile_IsReadWhole()
    {
        byte[] bytes = new byte[100_000];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(_folder["x"], bytes);
        Assert.Equal(FileKind.Regular, RegularFile.Look(_folder["x"], out FileStamp stamp));
        Assert.Equal(bytes.Length, stamp.Length);
        Assert.Equal(bytes, RegularFile.Read(_folder["x"], 1 << 20, out FileStamp read));
        Assert.Equal(stamp, read);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)), RegularFile.Sha256(_folder["x"]));
    }

    [Fact]
    public void LargerThanTheLimit_IsNotRead()
    {
        File.WriteAllBytes(_folder["x"], new byte[11]);
        Assert.Null(RegularFile.Read(_folder["x"], 10, out _));
    }

    [Fact]
    public void LinkDirectoryAndFifo_AreNeverOpened()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs mkfifo");
        File.WriteAllBytes(_folder["target"], [1]);
        File.CreateSymbolicLink(_folder["link"], _folder["target"]);
        Directory.CreateDirectory(_folder["folder"]);
        using (Process mkfifo = Process.Start("mkfifo", [_folder["fifo"]])) mkfifo.WaitForExit();
        foreach (string name in (string[])["link", "folder", "fifo"])
        {
            Assert.Equal(FileKind.Other, RegularFile.Look(_folder[name], out _));
            Assert.Throws<FileNotFoundException>(() => RegularFile.Read(_folder[name], 100, out _));
        }
        Assert.Equal(FileKind.Missing, RegularFile.Look(_folder["nothing"], out _));
    }

    [Fact]
    public void WriterThatKeepsAppending_IsNoticed()
    {
        using FileStream writer = new(_folder["x"], FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        using CancellationTokenSource stop = new();
        Thread thread = new(() =>
        {
            byte[] block = new byte[4096];
            while (!stop.IsCancellationRequested)
            {
                writer.Write(block);
                writer.Flush();
            }
        });
        thread.Start();
        try
        {
            // The writer runs, and there is enough to read that it can get a turn meanwhile.
            SpinWait.SpinUntil(() => new FileInfo(_folder["x"]).Length > 1 << 20);
            int noticed = 0;
            for (int i = 0; i < 500 && noticed == 0; i++)
            {
                try { _ = RegularFile.Read(_folder["x"], 1 << 30, out _); }
                catch (FileChangedException) { noticed++; }
            }
            Assert.NotEqual(0, noticed);
        }
        finally
        {
            stop.Cancel();
            thread.Join();
        }
    }
}
