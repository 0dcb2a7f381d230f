using System.Collections.Immutable;

namespace MeLo.Edge.Imaging;

/// <summary>
/// How a picture becomes the model's input: resized to a square, then (sample - mean) / std per channel, where a sample is 0 for
/// black and 1 for white. Immutable and always valid.
/// </summary>
public sealed record PreprocessRecipe
{
    /// <summary>The largest square, in pixels a side: an order of magnitude over what vision transformers take.</summary>
    public const int MaxSize = 2048;

    private const int ChannelCount = 3;

    /// <summary>Creates a recipe, checked in full.</summary>
    /// <param name="resize">How the picture becomes a square.</param>
    /// <param name="size">The side of the square in pixels, 1 to <see cref="MaxSize"/>.</param>
    /// <param name="interpolation">The resampling filter.</param>
    /// <param name="mean">What is subtracted from each of the red, green and blue samples, in units where white is 1.</param>
    /// <param name="std">What each difference is divided by; positive.</param>
    /// <param name="shortestSide">With <see cref="ResizeMode.ShortestSide"/> only, and there required: the shorter side before the centre
    /// is cut out, <paramref name="size"/> to <see cref="MaxSize"/>.</param>
    /// <param name="honourOrientation">Whether the picture is first turned as its EXIF orientation says.</param>
    /// <exception cref="ImageException">Something does not fit; the message lists every fault.</exception>
    public PreprocessRecipe(
        ResizeMode resize,
        int size,
        Interpolation interpolation,
        IReadOnlyList<float> mean,
        IReadOnlyList<float> std,
        int? shortestSide = null,
        bool honourOrientation = false)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(std);
        List<string> faults = [];
        if (!Enum.IsDefined(resize)) faults.Add($"found resize mode {(int)resize}, expected squash or shortest");
        if (!Enum.IsDefined(interpolation)) faults.Add($"found interpolation {(int)interpolation}, expected bilinear or bicubic");
        if (size is < 1 or > MaxSize) faults.Add($"found size {size}, expected 1 to {MaxSize}");
        if (resize == ResizeMode.ShortestSide && shortestSide is null)
            faults.Add("found no shortest side, expected one with resize mode shortest");
        if (resize == ResizeMode.Squash && shortestSide is not null)
            faults.Add($"found shortest side {shortestSide}, expected none with resize mode squash");
        if (shortestSide is int side && (side < size || side > MaxSize))
            faults.Add($"found shortest side {side}, expected {size} (the size) to {MaxSize}");
        if (mean.Count != ChannelCount || !mean.All(float.IsFinite))
            faults.Add($"found mean [{string.Join(',', mean)}], expected {ChannelCount} finite numbers");
        if (std.Count != ChannelCount || !std.All(s => float.IsNormal(s) && s > 0))
            faults.Add($"found std [{string.Join(',', std)}], expected {ChannelCount} positive numbers");
        if (faults.Count > 0) throw ImageException.Recipe(faults);

        Resize = resize;
        Size = size;
        Interpolation = interpolation;
        Mean = [.. mean];
        Std = [.. std];
        ShortestSide = shortestSide;
        HonourOrientation = honourOrientation;
    }

    /// <summary>Squash to 224 with the bicubic filter, mean and std 0.5: what timm's and Google's ViT checkpoints and MeLo were trained with.</summary>
    public static PreprocessRecipe Half { get; } =
        new(ResizeMode.Squash, 224, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);

    /// <summary>Shortest side 256 with the bilinear filter, centre 224, the mean and std of ImageNet: torchvision's usual evaluation transform.</summary>
    public static PreprocessRecipe ImageNet { get; } =
        new(ResizeMode.ShortestSide, 224, Interpolation.Bilinear, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f], shortestSide: 256);

    /// <summary>The recipes that have a name, as command lines and documents write it.</summary>
    public static IReadOnlyDictionary<string, PreprocessRecipe> Presets { get; } =
        ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, [new("half", Half), new KeyValuePair<string, PreprocessRecipe>("imagenet", ImageNet)]);

    /// <summary>How the picture becomes a square.</summary>
    public ResizeMode Resize { get; }

    /// <summary>The side of the square in pixels.</summary>
    public int Size { get; }

    /// <summary>The shorter side before the centre is cut out; null unless <see cref="Resize"/> is <see cref="ResizeMode.ShortestSide"/>.</summary>
    public int? ShortestSide { get; }

    /// <summary>The resampling filter.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>What is subtracted from the red, green and blue samples.</summary>
    public ImmutableArray<float> Mean { get; }

    /// <summary>What the differences are divided by.</summary>
    public ImmutableArray<float> Std { get; }

    /// <summary>Whether the picture is first turned as its EXIF orientation says.</summary>
    public bool HonourOrientation { get; }

    /// <summary>The number of floats that <see cref="Preprocessing.Apply"/> writes: [3, size, size].</summary>
    public int TensorLength => ChannelCount * Size * Size;

    /// <summary>Whether the two recipes prepare every picture alike.</summary>
    public bool Equals(PreprocessRecipe? other) => other is not null
        && (Resize, Size, ShortestSide, Interpolation, HonourOrientation)
            == (other.Resize, other.Size, other.ShortestSide, other.Interpolation, other.HonourOrientation)
        && Mean.AsSpan().SequenceEqual(other.Mean.AsSpan())
        && Std.AsSpan().SequenceEqual(other.Std.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(Resize, Size, ShortestSide, Interpolation, HonourOrientation, Mean[0], Std[0]);
}
