namespace MeLo.Edge.Tests.Kernels;

/// <summary>bfloat16: the upper half of a binary32.</summary>
internal static class Bfloat16
{
    /// <summary>The largest relative error of one rounding: eight bits of precision, so 2^-8.</summary>
    public const double Unit = 1 / 256d;

    /// <summary>To the nearest, half to even.</summary>
    public static float Round(float value)
    {
        float below = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000u), above = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(below) + 0x10000u);
        double toBelow = Math.Abs((double)value - below), toAbove = Math.Abs((double)above - value);
        return toBelow < toAbove || (toBelow == toAbove && (Bits(below) & 1) == 0) ? below : above;
    }

    /// <summary>A number that bfloat16 has, as its sixteen bits.</summary>
    public static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value) >> 16;
}
