using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class KernelScratchTests
{
    [Fact]
    public void Block_IsAlignedAndLongEnough_AndStaysWhileItSuffices()
    {
        float* block = KernelScratch.Floats(1000);
        Assert.Equal(0, (nint)block % 64);
        new Span<float>(block, 1000).Fill(1);
        Assert.True(KernelScratch.Floats(1000) == block);
        Assert.True(KernelScratch.Floats(0) == block);
    }

    [Fact]
    public void LengthThatOverflowed_IsRefused_AlsoWhereABlockIsThere()
    {
        _ = KernelScratch.Floats(1000);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = KernelScratch.Floats(-1); });
        Assert.Throws<OverflowException>(() => { _ = KernelScratch.Floats(int.MaxValue); });
    }
}
