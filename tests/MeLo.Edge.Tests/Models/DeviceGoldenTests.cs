using MeLo.Edge.Models;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Models;

/// <summary>The engine on a WebGPU device gives what the real PyTorch code computes in binary32: shared/golden.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceGoldenTests
{
    [Theory]
    [MemberData(nameof(Golden.Sets), MemberType = typeof(Golden))]
    public void InFp32_GivesThePyTorchLogits(string set, string adapter)
    {
        DeviceTests.RequireDevice();
        using Golden golden = new(set, adapter);
        Closeness.AssertWithin(1e-3, golden.Expected, golden.OnWebGpu(Precision.Fp32));
    }

    // The figures of docs/decisions/0010-fp16.md are this test's output.
    [Theory]
    [MemberData(nameof(Golden.Sets), MemberType = typeof(Golden))]
    public void InFp16_IsWithinTheTolerance_AndAsFarOffAsItsTwin(string set, string adapter)
    {
        DeviceTests.RequireHalf();
        using Golden golden = new(set, adapter);
        float[] device = golden.OnWebGpu(Precision.Fp16), twin = golden.On(HalfArithmetic.Sums | HalfArithmetic.Norms);
        double found = Closeness.Difference(golden.Expected, device), predicted = Closeness.Difference(golden.Expected, twin);
        double foundRms = Closeness.RootMeanSquare(golden.Expected, device), predictedRms = Closeness.RootMeanSquare(golden.Expected, twin);
        TestContext.Current.TestOutputHelper?.WriteLine($"{set} {adapter}: {found:E2}, {foundRms:E2} on the device; {predicted:E2}, {predictedRms:E2} on its twin");
        Assert.InRange(found, 1e-5, 0.02);
    }
}
