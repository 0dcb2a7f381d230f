using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Tests.Native;

namespace MeLo.Edge.Tests.Engine;

/// <summary>What tasks take of a device's memory, by its driver, against what the cache's budget counts: by what the runtime's allocator rounds up to, which is read from its sources.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceMemoryTests
{
    // Matrices of ViT-B's size: 2.4 MB in fp32, 1.2 MB in fp16.
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 8, Dim = 768, Depth = 1, Heads = 2, MlpDim = 64 };

    [Fact]
    public void Fp32Tasks_TakeWhatTheBudgetCounts_AndNoMoreThanItAllows() => FaultyProcess.Run(driver => Measure(driver, Precision.Fp32), typeof(DeviceMemoryTests));

    [Fact]
    public void Fp16Tasks_TakeWhatTheBudgetCounts_AndNoMoreThanItAllows()
    {
        VulkanDriver.RequireSoftwareHalf();
        FaultyProcess.Run(driver => Measure(driver, Precision.Fp16), typeof(DeviceMemoryTests));
    }

    [Fact]
    public void ABaseThatFindsNoRoom_SaysWhichDeviceItIs_AndWhatTheWeightsTake() => FaultyProcess.Run(driver =>
    {
        using EngineFixture fixture = new(s_vit, AdaptableSet.QueryValue, Precision.Fp32);
        driver.DeviceBytes = 12 << 20; // the provider starts, and some of the weights fit
        ProviderException refused = Assert.Throws<ProviderException>(() => fixture.Load(new EdgeEngineOptions { Provider = ExecutionProvider.WebGpu, Threads = 1 }));
        Assert.True(refused.LacksMemory, refused.Message);
        Assert.Matches("^provider webgpu: .*no memory left.*no GPU\\).* whose weights take [0-9]+ MB there", refused.Message.Replace('\n', ' '));
    }, typeof(DeviceMemoryTests));

    private static void Measure(FaultyVulkanDriver driver, Precision precision)
    {
        const int Allowed = 5, Tasks = 9;
        using EngineFixture fixture = new(s_vit, AdaptableSet.QueryValue, Precision.Fp32, Precision.Fp16);
        EdgeEngineOptions options = new() { Provider = ExecutionProvider.WebGpu, Precision = precision, Threads = 1, Strict = true };
        long task;
        using (EdgeEngine one = fixture.Load(options))
        {
            one.Install(Bundle(0));
            task = one.Statistics.CacheBytes;
        }
        using EdgeEngine engine = fixture.Load(options with { CacheBytes = Allowed * task });
        long[] taken = new long[Tasks];
        for (int i = 0; i < Tasks; i++)
        {
            engine.Install(Bundle(i));
            taken[i] = driver.BytesInUse.Device;
        }
        // In tasks as the budget counts them: what those within it take beside the first, and what those beyond it add.
        double within = (taken[Allowed - 1] - taken[0]) / (double)task, beyond = (taken[^1] - taken[Allowed - 1]) / (double)task;
        TestContext.Current.TestOutputHelper?.WriteLine($"{precision}, {task} bytes a task: {Allowed - 1} tasks take {within:F2} times that, {Tasks - Allowed} beyond the budget {beyond:F2} times");
        Assert.InRange(within, 0.9 * (Allowed - 1), 1.1 * (Allowed - 1));
        Assert.InRange(beyond, -1, 1); // the memory of one that was evicted may wait for the next

        Bundle Bundle(int seed) => fixture.Bundle($"task-{seed}", seed, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 1) });
    }
}
