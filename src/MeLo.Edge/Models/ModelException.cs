namespace MeLo.Edge.Models;

/// <summary>A checkpoint cannot become a base package, or a base package is not what it says it is.</summary>
public sealed class ModelException : MeLoException
{
    private ModelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal static ModelException Architecture(string name, IReadOnlyList<string> faults) =>
        new($"architecture {name}: {string.Join("; ", faults)}");

    internal static ModelException Checkpoint(string source, string fault, Exception? inner = null) => new($"{source}: {fault}", inner);

    internal static ModelException Package(string folder, string fault, Exception? inner = null) => new($"base package {folder}: {fault}", inner);

    internal static ModelException Option(string option, string fault, Exception? inner = null) => new($"{option}: {fault}", inner);
}
