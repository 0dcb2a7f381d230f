namespace MeLo.Edge.Imaging;

/// <summary>How a <see cref="PixelBuffer"/> stores one sample, and what stands for white. Black is always 0.</summary>
public enum SampleDepth
{
    /// <summary>Unsigned 8-bit; white is 255.</summary>
    Bits8,

    /// <summary>Unsigned 16-bit; white is 65535.</summary>
    Bits16,

    /// <summary>Binary32; white is 1. Values beyond 0..1 are kept.</summary>
    Real32,
}
