using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Native;

/// <summary>What ONNX Runtime and Dawn make of a GPU that runs out of memory or is lost: the facts of docs/decisions/0012-device-faults.md.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceFaultTests
{
    private const int Small = 1024;
    private const int Large = 5 << 18; // 5 MiB of floats: Dawn gives what is larger than 4 MiB memory of its own

    private static readonly WebGpuProvider s_provider = new();

    [Fact]
    public void Weights_ThatFindNoMemory_FailTheSessionsCreation() => FaultyProcess.Run(driver =>
    {
        using OrtSession small = Scaling(Small);
        driver.DeviceBytes = 0;
        AssertFault(DeviceFault.OutOfMemory, () => Scaling(Large));
        driver.DeviceBytes = null;
        Assert.Equal(6, Run(small, Small, 2));
        using OrtSession large = Scaling(Large);
        Assert.Equal(6, Run(large, Large, 2));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void Weights_ThatFindNoWayToADiscreteDevice_FailTheSessionsCreation() => FaultyProcess.Run(driver =>
    {
        driver.IsDiscrete = true;
        using OrtSession small = Scaling(Small);
        Assert.True(driver.BytesInUse is { Device: > 0, Host: > 0 }, $"{driver.BytesInUse}");
        driver.HostBytes = 0;
        AssertFault(DeviceFault.OutOfMemory, () => Scaling(Large)); // its memory is there, the bytes that should go into it are not
        driver.HostBytes = null;
        using OrtSession large = Scaling(Large);
        Assert.Equal(6, Run(large, Large, 2));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void AnInput_ThatFindsNoMemory_FailsItsBinding() => FaultyProcess.Run(driver =>
    {
        using OrtSession session = Scaling(Large);
        Assert.Equal(6, Run(session, Large, 2)); // the input's own memory waits for the next
        using OrtIoBinding binding = new(session);
        using OrtValue x = Filled(Large, 2);
        driver.DeviceBytes = 0;
        AssertFault(DeviceFault.OutOfMemory, () => binding.BindInput("x", x));
        driver.DeviceBytes = null;
        binding.BindInput("x", x);
        binding.BindOutput("y", OrtLibrary.HostMemory);
        session.Run(binding);
        using OrtValue y = binding.TakeOutputs()[0];
        Assert.Equal(6, Single(y));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void ARun_ThatFindsNoMemory_SpoilsItsSizeUntilTheLastSessionIsGone() => FaultyProcess.Run(driver =>
    {
        using (OrtSession session = Doubling())
        {
            Assert.Equal(4, Run(session, Small, 2));
            driver.DeviceBytes = driver.BytesInUse.Device + (1 << 20);
            AssertFault(DeviceFault.OutOfMemory, () => Run(session, Large, 2));
            Assert.Equal(6, Run(session, Small, 3));
            driver.DeviceBytes = null;
            AssertFault(DeviceFault.OutOfMemory, () => Run(session, Large, 2)); // the runtime keeps the buffer that got none, and takes it again
            using OrtSession other = Doubling();
            AssertFault(DeviceFault.OutOfMemory, () => Run(other, Large, 2)); // one store for all sessions
        }
        Assert.Equal((0, 0), driver.BytesInUse);
        using OrtSession after = Doubling();
        Assert.Equal(4, Run(after, Large, 2));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void ARun_ThatFindsNoMemory_SpoilsNothing_WhereTheRuntimeKeepsNoBuffers() => FaultyProcess.Run(driver =>
    {
        using OrtSessionOptions options = new OrtSessionOptions().OneAtATime(new Lock())
            .WithProvider("WebGPU", new Dictionary<string, string> { ["storageBufferCacheMode"] = "lazyRelease", ["uniformBufferCacheMode"] = "lazyRelease" });
        using OrtSession session = Create(options, Doubled);
        Assert.Equal(4, Run(session, Small, 2));
        driver.DeviceBytes = driver.BytesInUse.Device + (1 << 20);
        AssertFault(DeviceFault.OutOfMemory, () => Run(session, Large, 2));
        driver.DeviceBytes = null;
        Assert.Equal(4, Run(session, Large, 2));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void ALostDevice_IsLostToAllSessions_AndThereAgainAfterTheLast() => FaultyProcess.Run(driver =>
    {
        using OrtMemoryInfo memory = OrtMemoryInfo.ForDevice(s_provider.Memory);
        using (OrtSession session = Scaling(Small), other = Doubling())
        {
            Assert.Equal(6, Run(session, Small, 2));
            driver.IsLost = true;
            AssertFault(DeviceFault.Lost, () => Run(session, Small, 2));
            driver.IsLost = false;
            AssertFault(DeviceFault.Lost, () => Run(session, Small, 2));
            AssertFault(DeviceFault.Lost, () => Run(other, Small, 2));
            using OrtSession beside = Scaling(Small); // is created, on the device that is no more
            AssertFault(DeviceFault.Lost, () => Run(beside, Small, 2));

            // What stays on the device fails only where somebody wants to read it.
            using OrtIoBinding binding = new(session);
            using OrtValue x = Filled(Small, 2);
            binding.BindInput("x", x);
            binding.BindOutput("y", memory);
            session.Run(binding);
            using OrtValue y = binding.TakeOutputs()[0];
            AssertFault(DeviceFault.Lost, () => other.Run([y]));
        }
        driver.IsLost = true;
        Assert.Equal(ProviderFault.Unavailable, Assert.Throws<ProviderException>(() => Scaling(Small)).Fault);
        driver.IsLost = false;
        using OrtSession after = Scaling(Small);
        Assert.Equal(6, Run(after, Small, 2));
    }, typeof(DeviceFaultTests));

    [Fact]
    public void MemoryThatComesAndGoes_GivesNoWrongAnswer() => FaultyProcess.Run(driver => ComeAndGo(driver, seed: 1), typeof(DeviceFaultTests));

    [Fact]
    public void MemoryThatComesAndGoes_OnADiscreteDevice_GivesNoWrongAnswer() => FaultyProcess.Run(driver =>
    {
        driver.IsDiscrete = true;
        ComeAndGo(driver, seed: 2);
    }, typeof(DeviceFaultTests));

    // What an engine does, with other limits between any two steps: weights at a session's creation, values bound and left on the device, those used in another session.
    private static void ComeAndGo(FaultyVulkanDriver driver, int seed)
    {
        Random random = new(seed);
        using OrtMemoryInfo memory = OrtMemoryInfo.ForDevice(s_provider.Memory);
        int right = 0, refused = 0;
        for (int round = 0; round < 60; round++)
        {
            int n = random.Next(2) == 0 ? Small : Large;
            try
            {
                Shake();
                using OrtSession merge = Scaling(n), use = Product(n);
                Shake();
                using OrtIoBinding binding = new(merge);
                using OrtValue x = Filled(n, 2), z = Filled(n, 5);
                binding.BindInput("x", x);
                Shake();
                binding.BindOutput("y", memory);
                merge.Run(binding);
                using OrtValue y = binding.TakeOutputs()[0];
                for (int i = 0; i < 3; i++)
                {
                    Shake();
                    using OrtValue product = use.Run([y, z])[0];
                    Assert.Equal(30, Single(product));
                    right++;
                }
            }
            catch (OrtException e)
            {
                Assert.NotEqual(DeviceFault.None, DeviceFaults.Of(e));
                refused++;
            }
            catch (ProviderException e)
            {
                Assert.Equal(ProviderFault.Unavailable, e.Fault); // not even the first device found its memory
                refused++;
            }
        }
        Assert.True(right > 10 && refused > 10, $"{right} answers were right, {refused} rounds were refused");

        void Shake()
        {
            (long device, long host) = driver.BytesInUse;
            driver.DeviceBytes = Limit(device);
            driver.HostBytes = Limit(host);
        }

        long? Limit(long inUse) => random.Next(4) switch { 0 => random.Next(2) * inUse, 1 => inUse + random.Next(4 * Large * sizeof(float)), _ => null };
    }

    private static OrtSession Scaling(int n) => Create(graph => graph.Mul(graph.Input("x", ElementType.F32, n), graph.Constant("w", Repeated(n, 3), n), "y"));

    private static OrtSession Product(int n) => Create(graph => graph.Mul(graph.Input("x", ElementType.F32, n), graph.Input("z", ElementType.F32, n), "y"));

    private static OrtSession Doubling() => Create(Doubled);

    private static GraphValue Doubled(GraphBuilder graph)
    {
        GraphValue x = graph.Input("x", ElementType.F32, "n");
        return graph.Add(x, x, "y");
    }

    private static OrtSession Create(Func<GraphBuilder, GraphValue> build)
    {
        using OrtSessionOptions options = s_provider.Options(SessionThreads.Of(1));
        return Create(options, build);
    }

    private static OrtSession Create(OrtSessionOptions options, Func<GraphBuilder, GraphValue> build)
    {
        GraphBuilder graph = new("faults");
        graph.Output(build(graph));
        return OrtSession.Create(OnnxWriter.ToBytes(graph), options.With("session.disable_cpu_ep_fallback", "1"));
    }

    private static float Run(OrtSession session, int n, float x)
    {
        using OrtValue input = Filled(n, x);
        using OrtValue output = session.Run([input])[0];
        return Single(output);
    }

    // The one value that all elements have.
    private static float Single(OrtValue value)
    {
        ReadOnlySpan<float> values = value.AsSpan<float>();
        int other = values.IndexOfAnyExcept(values[0]);
        if (other >= 0) Assert.Fail($"found {values[other]} at {other} after elements of {values[0]}");
        return values[0];
    }

    private static OrtValue Filled(int n, float value) => OrtValue.FromArray(Repeated(n, value), [n]);

    private static float[] Repeated(int n, float value)
    {
        float[] values = new float[n];
        Array.Fill(values, value);
        return values;
    }

    private static void AssertFault(DeviceFault expected, Action action)
    {
        OrtException error = Assert.Throws<OrtException>(action);
        Assert.True(DeviceFaults.Of(error) == expected, $"found {DeviceFaults.Of(error)}, expected {expected}: {error.Message}");
    }

    private static void AssertFault(DeviceFault expected, Func<IDisposable> create) => AssertFault(expected, () => create().Dispose());

    private static void AssertFault(DeviceFault expected, Func<float> run) => AssertFault(expected, () => { run(); });

    private static void AssertFault(DeviceFault expected, Func<OrtValue[]> run) => AssertFault(expected, () => { foreach (OrtValue value in run()) value.Dispose(); });
}
