namespace AdapterPacker.Tests;

public sealed class UsageTests
{
    public static TheoryData<string, string> Wrong => new()
    {
        { "", "Required command" },
        { "nonsense", "'nonsense'" },
        { "\u001b[2Jnonsense", "'?[2Jnonsense'" },
        { "base", "Required command" },
        { "keygen", "--out" },
        { "keygen --out x --curve p123", "p123" },
        { "keygen --out x --surprise", "--surprise" },
        { "base import --out y", "Required argument" },
        { "base import x.safetensors", "--out" },
        { "base import x.safetensors --out y --precision int3", "int3" },
        { "base import x.safetensors --out y --adapt some", "some" },
        { "base import x.safetensors --out y --heads 0", "--heads" },
        { "base import x.safetensors --out y --image-size many", "many" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo", "--key or --unsigned" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --key k --unsigned", "--key or --unsigned" },
        { "pack --base b --adapter a --task T! --labels x,y --out o.melo --unsigned", "--task" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --activation relu", "relu" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --release first", "first" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --release 0", "--release: found '0'" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --release 1,5", "--release: found '1,5'" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --rank four", "--rank: found 'four'" },
        { "pack --base b --adapter a --task t --labels x,y --out o.melo --unsigned --alpha -4", "--alpha: found '-4'" },
        { "pack --base b --adapter a --task t --labels x,y,x --out o.melo --unsigned", "found 'x' twice" },
        { "pack --base b --adapter a --task t --labels x,,y --out o.melo --unsigned", "empty label" },
        { "sign f.melo", "--key" },
        { "verify f.melo", "--trust" },
        { "inspect", "Required argument" },
        { "inspect a.melo b.melo", "b.melo" },
        { "check f.melo --base b", "--reference" },
        { "check f.melo --base b --reference r --tolerance 0", "--tolerance" },
        { "check f.melo --base b --reference r --tolerance -1", "--tolerance" },
        { "check f.melo --base b --reference r --tolerance NaN", "--tolerance" },
        { "check f.melo --base b --reference r --tolerance small", "small" },
        // Half of Europe writes 0.0001 so; with the comma between thousands it would be 1, and pass everything.
        { "check f.melo --base b --reference r --tolerance 0,0001", "--tolerance: found '0,0001'" },
        { "check f.melo --base b --reference r --tolerance", "--tolerance" },
        { "check f.melo --base b --reference r --provider 0", "'0'" },
        { "check f.melo --base b --reference r --provider abacus", "abacus" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task WrongUsage_ExitsWithTwo_AndOneLineThatPointsToTheHelp(string arguments, string reason) =>
        AssertWrong(await Packer.RunHereAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)), reason);

    public static TheoryData<string, string[]> Empty => new()
    {
        { "CHECKPOINT", ["base", "import", "", "--out", "y"] },
        { "--out", ["base", "import", "x.safetensors", "--out", ""] },
        { "--out", ["pack", "--base", "b", "--adapter", "a", "--task", "t", "--labels", "x,y", "--unsigned", "--out", ""] },
        { "--labels", ["pack", "--base", "b", "--adapter", "a", "--task", "t", "--labels", "", "--unsigned", "--out", "o.melo"] },
        { "--trust", ["verify", "f.melo", "--trust", ""] },
        { "FILE.melo", ["inspect", ""] },
    };

    [Theory]
    [MemberData(nameof(Empty))]
    public async Task EmptyText_IsWrongUsage(string name, string[] arguments) =>
        AssertWrong(await Packer.RunHereAsync(arguments), $"{name}: found an empty text");

    [Fact]
    public void WrongUsageOfTheProcess_IsTheSame() => AssertWrong(Packer.Run("keygen"), "--out");

    private static void AssertWrong(ProgramResult result, string reason)
    {
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        string line = Assert.Single(result.ErrorLines);
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
        Assert.Contains("--help'", line, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", line, StringComparison.Ordinal);
    }
}
