using MeLo.Edge.Adapters;

namespace AdapterPacker;

/// <summary>Sentences for values that files write in a word.</summary>
internal static class Words
{
    public static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    public static string BiasSource(string source) => source switch
    {
        ImportedAdapter.ZeroBias => "zero: the file holds none",
        ImportedAdapter.FileBias => "from a file beside the adapter",
        ImportedAdapter.AdapterBias => "the adapter's own",
        _ => source,
    };
}
