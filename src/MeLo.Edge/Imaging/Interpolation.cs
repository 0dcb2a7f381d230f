namespace MeLo.Edge.Imaging;

/// <summary>The antialiased resampling filters of Pillow (libImaging, <c>Resample.c</c>); when shrinking, their support grows with the scale.</summary>
public enum Interpolation
{
    /// <summary>The triangle filter, support 1.</summary>
    Bilinear,

    /// <summary>The cubic convolution filter with a = -0.5 (Keys, 1981), support 2.</summary>
    Bicubic,
}
