namespace MeLo.Edge.Adapters;

/// <summary>An adapter cannot be used: its file, its numbers or its shapes are not what an adapter of a ViT has.</summary>
public sealed class AdapterException : MeLoException
{
    private AdapterException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal static AdapterException Linear(LinearId target, string fault) => new($"{target}: {fault}");

    internal static AdapterException Head(string fault) => new($"head: {fault}");

    internal static AdapterException Adapter(string fault) => new($"adapter: {fault}");

    internal static AdapterException File(string source, string fault, Exception? inner = null) => new($"{source}: {fault}", inner);

    internal static AdapterException Tensor(string source, string tensor, string fault) => new($"{source}: tensor '{tensor}': {fault}");

    internal static AdapterException Member(string source, string member, string fault) => new($"{source}: '{member}': {fault}");
}
