namespace MeLo.Edge.Bundles;

/// <summary>One of the five entries that a bundle may have.</summary>
/// <param name="Name">The name, in ASCII, at the root.</param>
/// <param name="MaxLength">The largest size in bytes.</param>
/// <param name="Required">Whether a bundle without it is refused by the container already.</param>
internal sealed record BundleEntry(string Name, int MaxLength, bool Required)
{
    public const string DescriptionName = "adapter.json";
    public const string AdapterName = "adapter.safetensors";
    public const string ProbeName = "probe.safetensors";
    public const string PreviewName = "preview.png";
    public const string SignatureName = "model.sig";

    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    /// <summary>The entries in the order in which they lie in the file.</summary>
    public static IReadOnlyList<BundleEntry> All { get; } =
    [
        new(DescriptionName, 256 * KiB, Required: true),
        new(AdapterName, 256 * MiB, Required: true),
        new(ProbeName, 16 * MiB, Required: true),
        new(PreviewName, 1 * MiB, Required: false),
        new(SignatureName, 256 * KiB, Required: false),
    ];

    /// <summary>The largest bundle: every entry at its limit, its two headers, and the end record.</summary>
    public static int MaxFileLength { get; } =
        All.Sum(e => e.MaxLength + ZipFormat.LocalHeaderLength + ZipFormat.CentralHeaderLength + (2 * e.Name.Length)) + ZipFormat.EndLength;
}
