using System.Globalization;
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
    private const string Remedies = "end what else uses the device, or take a smaller cache, fp16, a smaller base, a larger device or provider cpu";

    private ProviderException(ProviderFault fault, string provider, string reason, Exception? inner = null)
        : base($"provider {provider}: {reason}", inner) => (Fault, Reason) = (fault, reason);

    private ProviderException(ProviderException first)
        : base(first.Message, first.InnerException) => (Fault, Reason, LacksMemory) = (first.Fault, first.Reason, first.LacksMemory);

    /// <summary>What is wrong.</summary>
    public ProviderFault Fault { get; }

    /// <summary>Whether memory is what the device lacked: also where it is lost because of that.</summary>
    public bool LacksMemory { get; private init; }

    /// <summary>The message without the provider's name.</summary>
    internal string Reason { get; }

    internal static ProviderException Unavailable(string provider, string reason, Exception? inner = null) => new(ProviderFault.Unavailable, provider, reason, inner);

    internal static ProviderException Unsupported(string provider, string reason, Exception? inner = null) => new(ProviderFault.Unsupported, provider, reason, inner);

    /// <param name="provider">The provider.</param>
    /// <param name="device">The device, as messages call it.</param>
    /// <param name="weights">What the model's weights take there, in bytes; null where it is not about a model.</param>
    /// <param name="inner">What the runtime said.</param>
    internal static ProviderException OutOfMemory(string provider, string device, long? weights, OrtException inner) =>
        new(ProviderFault.OutOfMemory, provider, $"found no memory left on {device}{Room(weights)} ({inner.Message}); expected more of it free: {Remedies}", inner) { LacksMemory = true };

    /// <inheritdoc cref="OutOfMemory"/>
    internal static ProviderException DeviceLost(string provider, string device, long? weights, OrtException inner)
    {
        bool lacksMemory = DeviceFaults.LacksMemory(inner);
        return new(ProviderFault.DeviceLost, provider,
            $"the device is lost{(lacksMemory ? $" because it had no memory left{Room(weights)}" : "")}: {device} ({inner.Message}); the engine has to be loaded again, in a new process{(lacksMemory ? $", with more memory free: {Remedies}" : "")}",
            inner) { LacksMemory = lacksMemory };
    }

    /// <summary>The same loss, met by another request.</summary>
    internal ProviderException Again() => new(this);

    private static string Room(long? weights) => weights is { } bytes ? string.Create(CultureInfo.InvariantCulture, $" for the model, whose weights take {Math.Ceiling(bytes / 1e6)} MB there") : "";
}
