using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>Which provider an engine runs on, and why.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Provider">Its rules.</param>
/// <param name="Reason">One line for a log: what was chosen, and why each that stands before it was passed over.</param>
internal sealed record ProviderChoice(ExecutionProvider Kind, Provider Provider, string Reason)
{
    /// <summary>The order in which a choice tries them: the fastest first, the CPU, which is always there, last.</summary>
    /// <param name="windows">Whether the system is Windows.</param>
    public static ExecutionProvider[] Order(bool windows) => windows
        ? [ExecutionProvider.Cuda, ExecutionProvider.DirectMl, ExecutionProvider.WebGpu, ExecutionProvider.Cpu]
        : [ExecutionProvider.Cuda, ExecutionProvider.WebGpu, ExecutionProvider.Cpu];

    /// <summary>The provider that was asked for, or the first of the platform's order that starts.</summary>
    /// <param name="asked">The one to take; null chooses.</param>
    /// <param name="device">Which of its devices; null leaves it to the provider.</param>
    /// <param name="require">Throws where a device cannot do what it is wanted for; it is then passed over. Whoever asks for one finds out by using it.</param>
    /// <exception cref="ProviderException">The one that was asked for cannot start: it is never replaced by another.</exception>
    public static ProviderChoice Make(ExecutionProvider? asked, int? device, Action<Provider> require)
    {
        if (asked is not { } kind) return First(Order(OperatingSystem.IsWindows()).Select(candidate => (candidate, Of(candidate, device: null))), require);
        Provider provider = Of(kind, device);
        provider.Check();
        return new ProviderChoice(kind, provider, $"asked for{On(provider)}");
    }

    /// <summary>The first of the candidates that starts and may be chosen.</summary>
    /// <param name="candidates">In their order; the last is the CPU, which has to do in any case.</param>
    /// <param name="require">Throws where one cannot do what it is wanted for.</param>
    public static ProviderChoice First(IEnumerable<(ExecutionProvider Kind, Provider Provider)> candidates, Action<Provider> require)
    {
        List<string> passedOver = [];
        foreach ((ExecutionProvider kind, Provider provider) in candidates)
        {
            if (WhyNot(provider, require) is { } reason) passedOver.Add($"{provider.Name} ({reason})");
            else return new ProviderChoice(kind, provider, $"chosen{On(provider)}{(passedOver.Count > 0 ? $"; passed over: {string.Join(", ", passedOver)}" : "")}");
        }
        throw new ArgumentException("Found no provider that starts, expected the CPU at the end.", nameof(candidates));
    }

    private static string? WhyNot(Provider provider, Action<Provider> require)
    {
        // Before it is started: a software device takes its time.
        if (provider.Drawback is { } drawback) return drawback;
        try
        {
            provider.Check();
            if (provider.IsDevice) require(provider);
            return null;
        }
        catch (ProviderException e)
        {
            return e.Reason;
        }
        catch (EngineException e)
        {
            return e.Message;
        }
    }

    private static string On(Provider provider) => provider.Device is { } device ? $", {device}" : "";

    private static Provider Of(ExecutionProvider kind, int? device) => kind switch
    {
        ExecutionProvider.Cpu => new CpuProvider(),
        ExecutionProvider.WebGpu => new WebGpuProvider(),
        ExecutionProvider.Cuda => new CudaProvider(device),
        ExecutionProvider.DirectMl => new DirectMlProvider(device),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
