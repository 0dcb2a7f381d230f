using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Engine;

/// <summary>What a device merges for the fp16 graph, against its own merge in fp32 and the host's in fp16.</summary>
[Collection(nameof(DeviceTests))]
public sealed unsafe class DeviceHalfMergeTests : IDisposable
{
    private readonly EngineFixture _fixture = new();
    private readonly BasePackage _package;

    public DeviceHalfMergeTests() => _package = BasePackage.Open(_fixture.BaseFolder);

    public void Dispose()
    {
        _package.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void Merge_IsTheDevicesOwnFp32MergeRoundedOnce_AndTheHostsButByTheMiddleOfTwoNumbers()
    {
        DeviceTests.RequireHalf();
        LoraAdapter plain = _fixture.Adapter(5, rank: 7), adapter = new(1.7f, plain.Pairs, plain.Head);
        float[][] single = OnDevice(adapter, Precision.Fp32), half = OnDevice(adapter, Precision.Fp16);
        int others = 0;
        for (int i = 0; i < adapter.Pairs.Count; i++)
        {
            Half[] found = Array.ConvertAll(half[i], v => (Half)v), host = OnHost(adapter.Pairs[i], adapter.Scale);
            Assert.Equal(half[i], found.Select(v => (float)v)); // binary16 as it came
            Assert.Equal(Array.ConvertAll(single[i], v => (Half)v), found);
            // The host adds the products up in another order, and so may come to lie on the other side of the middle.
            Assert.All(host.Zip(found), pair => Assert.InRange(Math.Abs(Place(pair.First) - Place(pair.Second)), 0, 1));
            others += host.Zip(found).Count(pair => pair.First != pair.Second);
        }
        int all = adapter.Pairs.Sum(p => p.InFeatures * p.OutFeatures);
        TestContext.Current.TestOutputHelper?.WriteLine($"{others} of {all} are the host's neighbours");
        Assert.InRange(others, 0, all / 1000);
    }

    // The matrices that a merge leaves on the device, brought back as binary32, which holds all of binary16.
    private float[][] OnDevice(LoraAdapter adapter, Precision precision)
    {
        WebGpuProvider provider = new();
        using DeviceTaskMerger merger = new(_package, precision, provider, beside: null);
        using TaskBuffer buffer = merger.CreateBuffer(merger.MergedBytes(adapter));
        MergedTask merged = merger.Merge(adapter, buffer, threads: 1);
        using OrtValue headWeight = merged.HeadWeight, headBias = merged.HeadBias;
        Assert.All(merged.Matrices, m => Assert.Equal((precision == Precision.Fp16 ? ElementType.F16 : ElementType.F32, "WebGPU"), (m.Info.Type, m.MemoryName[..6])));
        GraphBuilder graph = new("download");
        GraphValue x = graph.Input("x", merged.Matrices[0].Info.Type, "in", "out");
        graph.Output(precision == Precision.Fp16 ? graph.Cast(x, ElementType.F32, "y") : graph.Node("Identity", [x], x.Type, x.Shape, name: "y"));
        using OrtSessionOptions options = provider.Options(SessionThreads.Of(1));
        using OrtSession session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        return [.. merged.Matrices.Select(Download)];

        float[] Download(OrtValue matrix)
        {
            using OrtValue values = session.Run([matrix])[0];
            return values.AsSpan<float>().ToArray();
        }
    }

    private Half[] OnHost(LoraPair pair, float scale)
    {
        float[] weights = _package.Weights[CanonicalWeights.LinearWeight(pair.Target)].ToSingles();
        using NativeFloats pristine = new(weights.Length, 0);
        weights.CopyTo(pristine.Span);
        using NativeBytes merged = new(weights.Length * sizeof(Half), 0);
        HalfMerge.Run([new RoundedMergeItem(pristine.Pointer, merged.Pointer, pair, scale)], 1);
        return new ReadOnlySpan<Half>(merged.Pointer, weights.Length).ToArray();
    }

    // Neighbours in binary16 are one apart, across zero too.
    private static int Place(Half value)
    {
        short bits = BitConverter.HalfToInt16Bits(value);
        return bits < 0 ? short.MinValue - bits : bits;
    }
}
