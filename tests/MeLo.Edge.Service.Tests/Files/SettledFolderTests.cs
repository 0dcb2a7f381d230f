using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Tests.Files;

public sealed class SettledFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SettledFolder _settled;

    public SettledFolderTests()
    {
        Directory.CreateDirectory(_folder["inbox", "tb"]);
        _settled = new SettledFolder(_folder["processed", "tb"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ProcessedFile_LeavesTheInbox()
    {
        string source = Drop("x.png", "one");
        Assert.Equal(TakeOutcome.Taken, Take(source));
        Assert.Equal("one", Processed("x.png"));
        Assert.False(File.Exists(source));
    }

    [Fact]
    public void FileReplacedMeanwhile_IsPutBack()
    {
        string source = Drop("x.png", "one");
        string sha = RegularFile.Sha256(source);
        File.WriteAllText(source, "two");
        Assert.Equal(TakeOutcome.Replaced, _settled.Take(source, path => RegularFile.Sha256(path) == sha, "x.png"));
        Assert.Equal("two", File.ReadAllText(source));
        Assert.Empty(Directory.GetFiles(_folder["processed", "tb"]));
    }

    [Fact]
    public void FileReplacedTwice_KeepsBoth()
    {
        string source = Drop("x.png", "two");
        Assert.Equal(TakeOutcome.Replaced, _settled.Take(source, _ =>
        {
            File.WriteAllText(source, "three"); // comes while the second one is being looked at
            return false;
        }, "x.png"));
        Assert.Equal("three", File.ReadAllText(source));
        Assert.Equal("two", File.ReadAllText(_folder["inbox", "tb", "x~2.png"]));
    }

    [Fact]
    public void SameNameOtherBytes_GetsANumber()
    {
        Take(Drop("x.png", "one"));
        Take(Drop("x.png", "two"));
        Take(Drop("x.png", "three"));
        Assert.Equal(["one", "two", "three"], [Processed("x.png"), Processed("x~2.png"), Processed("x~3.png")]);
    }

    [Fact]
    public void SameNameSameBytes_IsKeptOnce()
    {
        Take(Drop("x.png", "one"));
        Take(Drop("x.png", "one"));
        Assert.Equal(["x.png"], Directory.GetFiles(_folder["processed", "tb"]).Select(Path.GetFileName));
    }

    [Fact]
    public void FileThatIsGone_IsNoFailure() => Assert.Equal(TakeOutcome.Gone, Take(_folder["inbox", "tb", "none.png"]));

    [Fact]
    public void Reason_StandsBesideItsFile_UnderItsNumber()
    {
        _settled.Take(Drop("x.png", "one"), _ => true, "x.png", "r1"u8.ToArray());
        _settled.Take(Drop("x.png", "two"), _ => true, "x.png", "r2"u8.ToArray());
        Assert.Equal(["r1", "r2"], [Processed("x.png.reason.json"), Processed("x~2.png.reason.json")]);
    }

    [Fact]
    public void InputCalledLikeAReason_AndAReason_DoNotOverwriteEachOther()
    {
        _settled.Take(Drop("x.png.reason.json", "input"), _ => true, "x.png.reason.json", "reason of the odd one"u8.ToArray());
        _settled.Take(Drop("x.png", "one"), _ => true, "x.png", "reason of x"u8.ToArray());
        Assert.Equal("input", Processed("x.png.reason.json"));
        Assert.Equal("one", Processed("x~2.png"));
        Assert.Equal("reason of x", Processed("x~2.png.reason.json"));

        _settled.Take(Drop("y.png", "one"), _ => true, "y.png", "reason of y"u8.ToArray());
        _settled.Take(Drop("y.png.reason.json", "input"), _ => true, "y.png.reason.json", "reason of the odd one"u8.ToArray());
        Assert.Equal("reason of y", Processed("y.png.reason.json"));
        Assert.Equal("input", Processed("y.png.reason~2.json"));
    }

    [Fact]
    public void CrashWhileMoving_PutsTheFileBack()
    {
        string source = Drop("x.png", "one");
        Assert.Throws<InvalidDataException>(() => _settled.Take(source, _ => throw new InvalidDataException(), "x.png"));
        Assert.True(File.Exists(source)); // a failure puts it back at once

        string moving = _folder["processed", "tb", ".moving", "x.png"];
        File.Move(source, moving); // a crash leaves it there
        Assert.Equal(1, _settled.PutBackUnfinished(_folder["inbox", "tb"]));
        Assert.Equal("one", File.ReadAllText(source));
        Assert.Equal(0, _settled.PutBackUnfinished(_folder["inbox", "tb"]));
    }

    [Fact]
    public void LongestName_CanBeMovedAndNumbered()
    {
        string name = new string('n', 251) + ".png";
        _settled.Take(Drop(name, "one"), _ => true, FileNames.Safe(name), "r1"u8.ToArray());
        _settled.Take(Drop(name, "two"), _ => true, FileNames.Safe(name), "r2"u8.ToArray());
        Assert.Equal(4, Directory.GetFiles(_folder["processed", "tb"]).Length);
    }

    private TakeOutcome Take(string source) => _settled.Take(source, _ => true, Path.GetFileName(source));

    private string Drop(string name, string content)
    {
        string path = _folder["inbox", "tb", name];
        File.WriteAllText(path, content);
        return path;
    }

    private string Processed(string name) => File.ReadAllText(_folder["processed", "tb", name]);
}
