using System.Runtime.CompilerServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Engine;

public sealed unsafe class HostTaskBufferTests
{
    private static readonly LinearId s_query = new(0, VitLinear.Query);

    [Fact]
    public void Describe_OfMatricesThatLieAlike_GivesTheSameValues_AndOfOthers_New()
    {
        MergedFormat format = MergedFormat.Of(Precision.Fp32);
        using HostTaskBuffer buffer = new(1024);
        OrtValue first = buffer.Describe(format, [new MergeTarget(s_query, 4, 8, null, buffer.Pointer)])[0];
        Assert.Same(first, buffer.Describe(format, [new MergeTarget(new LinearId(1, VitLinear.Value), 4, 8, null, buffer.Pointer)])[0]);
        OrtValue turned = buffer.Describe(format, [new MergeTarget(s_query, 8, 4, null, buffer.Pointer)])[0];
        Assert.NotSame(first, turned);
        Assert.Equal([8, 4], turned.Info.Dimensions);
        Assert.NotSame(turned, buffer.Describe(format, [new MergeTarget(s_query, 8, 4, null, buffer.Pointer + 64)])[0]);
        OrtValue quantized = buffer.Describe(MergedFormat.Of(Precision.Int8), [new MergeTarget(s_query, 8, 4, null, buffer.Pointer + 64)])[0];
        Assert.Equal([1, 1024], quantized.Info.Dimensions);
    }

    [Fact]
    public void Buffer_KeepsNoPair()
    {
        using HostTaskBuffer buffer = new(1024);
        WeakReference pair = Describe(buffer);
        GC.Collect();
        Assert.False(pair.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Describe(HostTaskBuffer buffer)
        {
            LoraPair pair = new(s_query, 1, 4, 8, new float[4], new float[8]);
            buffer.Describe(MergedFormat.Of(Precision.Fp32), [new MergeTarget(s_query, 4, 8, null, buffer.Pointer, pair, 1)]);
            return new WeakReference(pair);
        }
    }
}
