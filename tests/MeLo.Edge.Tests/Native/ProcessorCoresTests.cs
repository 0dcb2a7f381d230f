using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Native;

public sealed class ProcessorCoresTests
{
    [Fact]
    public void ThisMachine_HasAtLeastOne_AndNoMoreThanProcessors() => Assert.InRange(ProcessorCores.Count, 1, Environment.ProcessorCount);

    [Theory]
    [InlineData("0-7", new[] { "0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7" }, 6)] // two cores of two threads, four of one
    [InlineData("0-3", new[] { "0,2", "1,3", "0,2", "1,3" }, 2)]
    [InlineData("0,2", new[] { "0,2", "1,3", "0,2", "1,3" }, 1)] // bound to the two threads of one core
    [InlineData("1-2,5", new[] { "0", "1", "2", "3", "4", "5" }, 3)]
    public void ThreadsOfOneCore_CountOnce(string allowed, string[] siblings, int cores)
    {
        using TemporaryFolder folder = new();
        for (int cpu = 0; cpu < siblings.Length; cpu++)
        {
            string topology = Directory.CreateDirectory(Path.Combine(folder.Root, $"cpu{cpu}", "topology")).FullName;
            File.WriteAllText(Path.Combine(topology, "thread_siblings_list"), siblings[cpu] + "\n");
        }
        Assert.Equal(cores, ProcessorCores.OnLinux(folder.Root, ["Name:\tx", $"Cpus_allowed_list:\t{allowed}"]));
    }

    [Theory]
    [InlineData("Name:\tx")]
    [InlineData("Cpus_allowed_list:\t")]
    [InlineData("Cpus_allowed_list:\t99999999999")]
    public void StatusThatDoesNotSay_IsAnErrorThatCountingTakesForOneCoreAProcessor(string status) =>
        Assert.True(Record.Exception(() => ProcessorCores.OnLinux("/nowhere", [status])) is FormatException or OverflowException);

    [Fact]
    public void SessionThreads_AreOneACoreUnlessToldOtherwise()
    {
        Assert.Equal(ProcessorCores.Count, SessionThreads.Of(0).Count);
        Assert.Equal(3, SessionThreads.Of(3).Count);
    }
}
