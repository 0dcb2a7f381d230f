using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Native;

public sealed class CustomOperatorTests
{
    [Fact]
    public void Node_WithAttributesAndEveryInput_ComputesFromThem()
    {
        using OrtSession session = CustomOperators.Session("Affine", inputs: 2, attributes: [("scale", 0.5f), ("offset", 3L)]);
        Assert.Equal([13.5f, 24, 34.5f], CustomOperators.Run(session, [1, 2, 3], [10, 20, 30]));
    }

    [Fact]
    public void Node_WithoutItsOptionalInput_SeesItAbsent()
    {
        using OrtSession session = CustomOperators.Session("Affine", attributes: [("scale", 2f), ("offset", -1L)]);
        Assert.Equal([1f, 3, 5], CustomOperators.Run(session, [1, 2, 3]));
    }

    [Fact]
    public void Node_WithSeveralOutputs_GivesThemShapesItComputes()
    {
        using OrtSession session = CustomOperators.SplitSession();
        using OrtValue x = OrtValue.FromArray([1, -2, 3, -4, 5, 6], [2, 3]);
        OrtValue[] outputs = session.Run([x]);
        using OrtValue sums = outputs[0];
        using OrtValue positive = outputs[1];
        Assert.Equal([2f, 7], sums.AsSpan<float>().ToArray());
        Assert.Equal([2], sums.Info.Dimensions);
        Assert.Equal([1, 0, 0, 1, 1, 1], positive.AsSpan<byte>().ToArray());
        Assert.Equal([3, 1, 2], positive.Info.Dimensions);
    }

    [Fact]
    public void Node_OverNoElements_Computes()
    {
        using OrtSession session = CustomOperators.Session("Squares", threads: 4);
        Assert.Empty(CustomOperators.Run(session, [[]]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void ParallelLoop_OnAnyNumberOfThreads_ComputesEveryItem(int threads)
    {
        using OrtSession session = CustomOperators.Session("Squares", threads);
        float[] x = Ramp(10_000);
        Assert.Equal(x.Select(v => v * v), CustomOperators.Run(session, x));
    }

    [Fact]
    public void Session_WhoseKernelCannotBeMade_IsRefusedWithTheReason()
    {
        OrtException e = Assert.Throws<OrtException>(() => CustomOperators.Session("Unmakeable", attributes: [("size", 7L)]));
        Assert.Contains("size 7 — not ours", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Session_WhoseNodeLacksAnAttribute_IsRefusedByItsName()
    {
        OrtException e = Assert.Throws<OrtException>(() => CustomOperators.Session("Affine", attributes: [("scale", 2f)]));
        Assert.Contains("offset", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WhoseKernelFails_ThrowsTheReasonAndTheSessionStaysUsable()
    {
        using OrtSession session = CustomOperators.Session("Counted");
        OrtException e = Assert.Throws<OrtException>(() => CustomOperators.Run(session, [-1]));
        Assert.Equal(OrtErrorCode.Fail, e.Code);
        Assert.Contains("found -1, expected no negative value", e.Message, StringComparison.Ordinal);
        Assert.Equal([1f, 2], CustomOperators.Run(session, [1, 2]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Run_WhoseParallelLoopFails_ThrowsTheReasonAndTheSessionStaysUsable(int threads)
    {
        using OrtSession session = CustomOperators.Session("Squares", threads);
        float[] x = Ramp(1000);
        x[200] = x[700] = float.NaN;
        OrtException e = Assert.Throws<OrtException>(() => CustomOperators.Run(session, x));
        Assert.Contains("a value is no number", e.Message, StringComparison.Ordinal);
        Assert.Equal([4f, 9], CustomOperators.Run(session, [2, 3]));
    }

    [Fact]
    public void Run_WithMoreDimensionsThanKernelsRead_IsRefused()
    {
        using OrtSession session = CustomOperators.RankFiveSession();
        using OrtValue x = OrtValue.FromArray([1], [1, 1, 1, 1, 1]);
        OrtException e = Assert.Throws<OrtException>(() => session.Run([x]));
        Assert.Contains("found a tensor of 5 dimensions, expected at most 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sessions_CreatedAndDisposedOften_LeaveNoKernel()
    {
        int before = CustomOperators.CountedAlive;
        for (int i = 0; i < 50; i++)
        {
            using OrtSession session = CustomOperators.Session("Counted");
            Assert.Equal(before + 1, CustomOperators.CountedAlive);
            Assert.Equal([5f], CustomOperators.Run(session, [5]));
        }
        Assert.Equal(before, CustomOperators.CountedAlive);
    }

    [Fact]
    public void FirstSessionsOfADomain_AtTheSameTime_AreAllCreated()
    {
        using Barrier start = new(2);
        for (int i = 0; i < 100; i++)
        {
            OrtOperatorDomain domain = new($"melo.test.first{i}");
            Exception?[] failures = new Exception?[2];
            Thread[] threads = [new(Create), new(Create)];
            for (int t = 0; t < threads.Length; t++) threads[t].Start(t);
            foreach (Thread thread in threads) thread.Join();
            Assert.All(failures, Assert.Null);

            void Create(object? index)
            {
                using OrtSessionOptions options = new OrtSessionOptions().WithThreads(1).WithOperators(domain);
                start.SignalAndWait();
                failures[(int)index!] = Record.Exception(() => OrtSession.Create(HandMadeModel.Binary("Add"), options).Dispose());
            }
        }
    }

    [Fact]
    public async Task Runs_FromSeveralThreadsDuringCollections_AllComputeRight()
    {
        using OrtSession session = CustomOperators.Session("Squares", threads: 4);
        using CancellationTokenSource done = new();
        Task collector = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested) GC.Collect();
            },
            TestContext.Current.CancellationToken);
        await Task.WhenAll(Enumerable.Range(1, 4).Select(caller => Task.Run(
            () =>
            {
                float[] x = [.. Ramp(2000).Select(v => v + caller)];
                float[] expected = [.. x.Select(v => v * v)];
                for (int i = 0; i < 50; i++) Assert.Equal(expected, CustomOperators.Run(session, x));
            },
            TestContext.Current.CancellationToken)));
        await done.CancelAsync();
        await collector;
    }

    private static float[] Ramp(int count) => [.. Enumerable.Range(0, count).Select(i => i * 0.25f)];
}
