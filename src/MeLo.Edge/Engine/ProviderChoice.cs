using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>Which provider an engine runs on, and why.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Provider">Its rules.</param>
/// <param name="Reason">One line for a log: what was chosen, and why each that stands before it was passed over.</param>
internal sealed record ProviderChoice(ExecutionProvider Kind, Provider Provider, string Reason)
{
    /// <summary>The provider that was asked for, or the first of the platform's order that starts.</summary>
    /// <param name="asked">The one to take; null chooses.</param>
    /// <exception cref="ProviderException">The one that was asked for cannot start: it is never replaced by another.</exception>
    public static ProviderChoice Make(ExecutionProvider? asked)
    {
        ExecutionProvider kind = asked ?? ExecutionProvider.Cpu;
        Provider provider = Of(kind);
        provider.Check();
        return new ProviderChoice(kind, provider, "asked for");
    }

    private static Provider Of(ExecutionProvider kind) => kind switch
    {
        ExecutionProvider.Cpu => new CpuProvider(),
        ExecutionProvider.WebGpu => new WebGpuProvider(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
