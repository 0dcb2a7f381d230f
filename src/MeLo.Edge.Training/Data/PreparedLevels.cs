using System.Numerics.Tensors;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// How a prepared sample is kept: 16 bits each, 128 steps a level of 8 bits, from half a white below black to half a white above white. A whole level is exact, anything else off by 1/256 level at most: a sixteenth of
/// what binary16 would lose near white in the same memory. Resampling cannot leave that range: the bicubic filter overshoots by 0.28 at most.
/// </summary>
internal static class PreparedLevels
{
    /// <summary>Steps from black to white.</summary>
    public const int White = 255 * 128;

    /// <summary>Where black lies.</summary>
    public const int Black = 16384;

    /// <summary>Samples in units where black is 0 and white 1, to levels.</summary>
    public static void Quantise(ReadOnlySpan<float> samples, Span<ushort> levels)
    {
        for (int i = 0; i < levels.Length; i++)
            levels[i] = (ushort)Math.Clamp((int)MathF.Round((samples[i] * White) + Black), ushort.MinValue, ushort.MaxValue);
    }

    /// <summary>Levels to (sample * scale) + offset, where a sample is 0 for black and 1 for white.</summary>
    public static void Restore(ReadOnlySpan<ushort> levels, float scale, float offset, Span<float> samples)
    {
        TensorPrimitives.ConvertTruncating<ushort, float>(levels, samples);
        // Black is a power of two, and a level minus it exact: whole levels come out as a direct computation has them.
        TensorPrimitives.Subtract(samples, Black, samples);
        Scale(samples, scale / White, offset, samples);
    }

    /// <summary>(sample * scale) + offset.</summary>
    public static void Scale(ReadOnlySpan<float> samples, float scale, float offset, Span<float> scaled)
    {
        TensorPrimitives.Multiply(samples, scale, scaled);
        TensorPrimitives.Add(scaled, offset, scaled);
    }

    /// <summary>The recipe with samples as they are, from 0 for black to 1 for white.</summary>
    public static PreprocessRecipe WithoutNormalising(PreprocessRecipe recipe) =>
        new(recipe.Resize, recipe.Size, recipe.Interpolation, [0, 0, 0], [1, 1, 1], recipe.ShortestSide, recipe.HonourOrientation);
}
