namespace MeLo.Edge.Models;

/// <summary>What <see cref="BaseImport"/> may be told.</summary>
public sealed record BaseImportOptions
{
    /// <summary>Height and width of the images in pixels; null keeps the checkpoint's. Another size resamples the position embedding.</summary>
    public int? ImageSize { get; init; }

    /// <summary>The number of attention heads; needed for sizes that have no name, whose checkpoint has no configuration.</summary>
    public int? Heads { get; init; }

    /// <summary>The linears that adapters may change.</summary>
    public AdaptableSet Adapt { get; init; } = AdaptableSet.QueryValue;

    /// <summary>The graphs to write; at least one.</summary>
    public IReadOnlyList<Precision> Precisions { get; init; } = [Precision.Fp32];

    /// <summary>
    /// A folder of pictures like those that will be seen, some dozens of real ones: the int8 graph's weights are then rounded so that
    /// errors make up for each other on such pictures; null rounds each weight to the nearest. Not with <see cref="AdaptableSet.All"/>.
    /// </summary>
    public string? CalibrationFolder { get; init; }

    /// <summary>The clock that <c>base.json</c> takes its creation time from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
