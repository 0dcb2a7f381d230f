using MeLo.Edge.Models;

namespace AdapterPacker;

/// <summary>What a base package has graphs for, known before one of them is loaded.</summary>
internal static class BasePrecisions
{
    /// <summary>The precisions, the most exact first.</summary>
    /// <exception cref="ModelException">The folder is not a base package, or a damaged one.</exception>
    public static IReadOnlyList<Precision> Of(string folder)
    {
        using BasePackage package = BasePackage.Open(folder);
        return package.Precisions;
    }
}
