namespace MeLo.Edge.Engine;

/// <summary>Where the graph runs.</summary>
public enum ExecutionProvider
{
    /// <summary>The host's processor cores.</summary>
    Cpu,
    /// <summary>Any GPU with a Vulkan (Linux) or Direct3D 12 (Windows) driver.</summary>
    WebGpu,
    /// <summary>An NVIDIA GPU with CUDA.</summary>
    Cuda,
    /// <summary>Any GPU of Windows with a Direct3D 12 driver.</summary>
    DirectMl,
}

/// <summary>The names of <see cref="ExecutionProvider"/> values in settings and results.</summary>
public static class ExecutionProviders
{
    /// <summary>The setting that leaves the choice to the engine: <c>auto</c>.</summary>
    public const string Automatic = "auto";

    /// <summary>What a setting may say: <see cref="Automatic"/>, and the name of each provider.</summary>
    public static IReadOnlyList<string> Settings { get; } = [Automatic, .. Enum.GetValues<ExecutionProvider>().Select(Name)];

    /// <summary>The name that settings and results use: <c>webgpu</c>.</summary>
    public static string Name(this ExecutionProvider provider) => provider switch
    {
        ExecutionProvider.Cpu => "cpu",
        ExecutionProvider.WebGpu => "webgpu",
        ExecutionProvider.Cuda => "cuda",
        ExecutionProvider.DirectMl => "directml",
        _ => throw new ArgumentOutOfRangeException(nameof(provider), provider, "Not a provider."),
    };

    /// <summary>Reads a setting.</summary>
    /// <param name="setting">One of <see cref="Settings"/>, in any case.</param>
    /// <param name="provider">The provider of that name; null for <see cref="Automatic"/>.</param>
    /// <returns>False where it is none of them.</returns>
    public static bool TryParse(string setting, out ExecutionProvider? provider)
    {
        provider = Enum.GetValues<ExecutionProvider>().Cast<ExecutionProvider?>().FirstOrDefault(p => string.Equals(p!.Value.Name(), setting, StringComparison.OrdinalIgnoreCase));
        return provider is not null || string.Equals(setting, Automatic, StringComparison.OrdinalIgnoreCase);
    }
}
