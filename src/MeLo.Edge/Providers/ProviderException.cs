using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>What is wrong with an execution provider.</summary>
public enum ProviderFault
{
    /// <summary>It cannot start on this machine: a driver or a library is missing, or does not fit.</summary>
    Unavailable,
    /// <summary>It cannot compute what was asked for: a precision that the device lacks, or a part of the graph.</summary>
    Unsupported,
    /// <summary>The device has no memory left for what was asked, also after everything that could be given up was given up.</summary>
    OutOfMemory,
    /// <summary>The device is gone: unplugged, reset by its driver, or hung. Nothing that lay on it is there any more.</summary>
    DeviceLost,
}

/// <summary>An execution provider cannot start, or its device failed.</summary>
public sealed class ProviderException : MeLoException
{
    private ProviderException(ProviderFault fault, string provider, string reason, Exception? inner = null)
        : base($"provider {provider}: {reason}", inner) => (Fault, Reason) = (fault, reason);

    /// <summary>What is wrong.</summary>
    public ProviderFault Fault { get; }

    /// <summary>The message without the provider's name.</summary>
    internal string Reason { get; }

    internal static ProviderException Unavailable(string provider, string reason, Exception? inner = null) => new(ProviderFault.Unavailable, provider, reason, inner);

    internal static ProviderException Unsupported(string provider, string reason, Exception? inner = null) => new(ProviderFault.Unsupported, provider, reason, inner);

    internal static ProviderException OutOfMemory(string provider, OrtException inner) =>
        new(ProviderFault.OutOfMemory, provider, $"found no memory left on the device ({inner.Message}); expected a smaller cache, a smaller batch or a larger device", inner);

    internal static ProviderException DeviceLost(string provider, Exception? inner = null) =>
        new(ProviderFault.DeviceLost, provider, $"the device is lost{(inner is null ? "" : $" ({inner.Message})")}; the engine has to be loaded again, in a new process", inner);
}
