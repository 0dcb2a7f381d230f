using System.Runtime.InteropServices;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Native;

public sealed class OnnxRuntimeTests
{
    [Fact]
    public void Library_IsLoaded_ReportsItsVersionAndTheCpuProvider()
    {
        Assert.True(System.Version.TryParse(OrtLibrary.Version, out Version? version));
        Assert.True(version >= new Version(1, 20));
        Assert.Contains("CPUExecutionProvider", OrtLibrary.AvailableProviders());
    }

    [Fact]
    public void Session_OfAModel_DescribesItsInputsAndOutputs()
    {
        using OrtSession session = Create(HandMadeModel.Binary("Add"));
        Assert.Equal(["a", "b"], session.Inputs.Select(p => p.Name));
        OrtPort output = Assert.Single(session.Outputs);
        Assert.Equal(ElementType.F32, output.Info.Type);
        Assert.Equal([-1, -1], output.Info.Dimensions);
        Assert.Equal("rows", output.Info.SymbolicDimensions[0]);
    }

    [Fact]
    public void Run_OverArrays_ComputesWithTheValuesOfTheMoment()
    {
        using OrtSession session = Create(HandMadeModel.Binary("Sub"));
        float[] left = [5, 6, 7, 8];
        using OrtValue a = OrtValue.FromArray(left, [2, 2]);
        using OrtValue b = OrtValue.FromArray([1, 2, 3, 4], [2, 2]);
        Assert.Equal([4f, 4, 4, 4], RunOnce(session, a, b));
        left[0] = 105; // the value is a view, not a copy
        Assert.Equal([104f, 4, 4, 4], RunOnce(session, a, b));
    }

    [Fact]
    public unsafe void Run_OverNativeMemory_ReadsItWithoutCopy()
    {
        float* memory = (float*)NativeMemory.AlignedAlloc(4 * sizeof(float), 64);
        try
        {
            for (int i = 0; i < 4; i++) memory[i] = i;
            using OrtSession session = Create(HandMadeModel.Binary("Mul"));
            using OrtValue a = OrtValue.Over(memory, 4 * sizeof(float), ElementType.F32, [2, 2]);
            Assert.Equal([0f, 1, 4, 9], RunOnce(session, a, a));
            Assert.Equal("Cpu", a.MemoryName);
            Assert.Equal([2, 2], a.Info.Dimensions);
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    [Fact]
    public void Create_OfAModelWhoseInputIsNoTensor_IsRefused() =>
        Assert.Contains("no tensor", Assert.Throws<OrtException>(() => Create(HandMadeModel.OverASequence())).Message, StringComparison.Ordinal);

    [Fact]
    public void Run_ByName_TakesInputsInAnyOrder()
    {
        using OrtSession session = Create(HandMadeModel.Binary("Sub"));
        using OrtValue a = OrtValue.FromArray([5, 6], [1, 2]);
        using OrtValue b = OrtValue.FromArray([1, 2], [1, 2]);
        using OrtValue c = session.Run(["b", "a"], [b, a], ["c"])[0];
        Assert.Equal([4f, 4], c.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Run_WithAWrongShape_FailsWithTheRuntimesCodeAndMessage()
    {
        using OrtSession session = Create(HandMadeModel.Binary("Add"));
        using OrtValue a = OrtValue.FromArray([1, 2, 3], [3]);
        OrtException e = Assert.Throws<OrtException>(() => session.Run([a, a]));
        Assert.Equal(OrtErrorCode.InvalidArgument, e.Code);
        Assert.Contains("rank", e.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Value_WithTooFewBytesForItsShape_IsRefused()
    {
        float[] values = [1, 2, 3];
        Assert.Throws<OrtException>(() => OrtValue.FromArray(values, [2, 2]));
    }

    [Fact]
    public void Session_OfBytesThatAreNoModel_IsRefused()
    {
        OrtException e = Assert.Throws<OrtException>(() => Create([1, 2, 3, 4]));
        Assert.NotEqual(OrtErrorCode.Ok, e.Code);
    }

    [Fact]
    public void Session_OfAMissingFile_IsRefused()
    {
        using OrtSessionOptions options = new();
        OrtException e = Assert.Throws<OrtException>(() => OrtSession.Create("/nowhere/model.onnx", options));
        Assert.Equal(OrtErrorCode.NoSuchFile, e.Code);
    }

    [Fact]
    public void Provider_ThatTheLibraryLacks_IsRefusedByName()
    {
        using OrtSessionOptions options = new();
        OrtException e = Assert.Throws<OrtException>(() => options.WithProvider("NoSuchProvider"));
        Assert.Contains("NoSuchProvider", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DisposedValue_InARun_IsRefusedAndReleasesTheOthers()
    {
        using OrtSession session = Create(HandMadeModel.Binary("Add"));
        OrtValue a = OrtValue.FromArray([1, 2], [1, 2]);
        OrtValue b = OrtValue.FromArray([1, 2], [1, 2]);
        b.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Run([a, b]));
        a.Dispose();
        Assert.True(a.IsClosed);
    }

    [Fact]
    public void Binding_FeedsAnOutputOfOneSessionToAnother()
    {
        using OrtSession first = Create(HandMadeModel.Binary("Add"));
        using OrtSession second = Create(HandMadeModel.Binary("Mul"));
        using OrtValue a = OrtValue.FromArray([1, 2], [1, 2]);
        using OrtIoBinding sum = new(first);
        sum.BindInput("a", a);
        sum.BindInput("b", a);
        using OrtMemoryInfo memory = OrtMemoryInfo.ForDevice("Cpu");
        sum.BindOutput("c", memory);
        first.Run(sum);
        using OrtValue doubled = sum.TakeOutputs()[0];
        using OrtIoBinding product = new(second);
        product.BindInput("a", doubled);
        product.BindInput("b", doubled);
        float[] result = new float[2];
        using (OrtValue output = OrtValue.FromArray(result, [1, 2]))
        {
            product.BindOutput("c", output);
            second.Run(product);
        }
        Assert.Equal([4f, 16], result);
        product.Clear();
        Assert.Throws<OrtException>(() => second.Run(product));
    }

    [Fact]
    public async Task Terminate_DuringARun_EndsIt()
    {
        const int Size = 256;
        using OrtSession session = Create(HandMadeModel.Chain(20_000));
        using OrtValue a = OrtValue.FromArray(new float[Size * Size], [Size, Size]);
        using OrtRunOptions options = new();
        Task run = Task.Run(() => session.Run([a, a], options), TestContext.Current.CancellationToken);
        await Task.Delay(50, TestContext.Current.CancellationToken);
        options.Terminate();
        OrtException e = await Assert.ThrowsAsync<OrtException>(() => run);
        Assert.Contains("terminate", e.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static OrtSession Create(byte[] model)
    {
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(1);
        return OrtSession.Create(model, options);
    }

    private static float[] RunOnce(OrtSession session, OrtValue a, OrtValue b)
    {
        using OrtValue c = session.Run([a, b])[0];
        return c.AsSpan<float>().ToArray();
    }
}
