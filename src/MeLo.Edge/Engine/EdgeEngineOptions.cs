using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>How an engine is loaded.</summary>
public sealed record EdgeEngineOptions
{
    /// <summary>
    /// Where the graph runs; the CPU by default. One that cannot start here is an error, never replaced by another. Null takes the first of the platform's
    /// order that starts; <see cref="EdgeEngine.ProviderReason"/> says why.
    /// </summary>
    public ExecutionProvider? Provider { get; init; } = ExecutionProvider.Cpu;

    /// <summary>
    /// Which of the devices of <see cref="ExecutionProvider.Cuda"/> or <see cref="ExecutionProvider.DirectMl"/>, from 0 on, in their drivers' order. Null, the default, leaves it to
    /// them: CUDA takes its first, DirectML the fastest. The other providers have none to choose from.
    /// </summary>
    public int? DeviceId { get; init; }

    /// <summary>
    /// Whether a graph that the provider would run partly on the host is refused. Otherwise <see cref="EdgeEngine.NodesOnHost"/> tells what does.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>
    /// The precision of the resident graph; the base package must hold it. Null chooses: int8 where the base has it and the processor
    /// has dot-product instructions, else fp32; never fp16, by which a processor gains nothing. <see cref="EdgeEngine.PrecisionReason"/> says why.
    /// </summary>
    public Precision? Precision { get; init; } = Models.Precision.Fp32;

    /// <summary>
    /// What an engine of another precision does with a task whose bundle demands fp32. By default it runs it on the base's fp32 graph, which takes memory for a
    /// second copy of the model (docs/operating.md has figures) from the first such task until the last one is retired.
    /// </summary>
    public Fp32TaskPolicy Fp32Tasks { get; init; } = Fp32TaskPolicy.Run;

    /// <summary>The most threads that can be asked for.</summary>
    public const int MaxThreads = 1024;

    /// <summary>
    /// The number of threads that run the graph and merge a task, from 1 to <see cref="MaxThreads"/>; 0, the default, takes one a core. A core
    /// that runs two threads at once counts once: they would share its arithmetic.
    /// </summary>
    public int Threads { get; init; }

    /// <summary>
    /// The memory for merged task weights, in bytes; 512 MiB by default, which holds nine tasks of ViT-B/16. One task is always
    /// held, however small the budget, and one more buffer is kept ready for the next merge.
    /// </summary>
    public long CacheBytes { get; init; } = 512L << 20;

    /// <summary>What an image may be at most.</summary>
    public DecodeLimits DecodeLimits { get; init; } = DecodeLimits.Default;

    /// <summary>
    /// How a batch of images of several tasks runs on a device. On the host every image has a run of its own, with merged weights, whatever this says.
    /// </summary>
    public BatchPolicy Batches { get; init; } = BatchPolicy.Measured;

    /// <summary>The clock that bundle expiry is checked against.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        List<string> faults = [];
        if (Provider is { } provider && !Enum.IsDefined(provider)) faults.Add($"{nameof(Provider)}: found {provider}, expected {string.Join(" or ", Enum.GetNames<ExecutionProvider>())}");
        if (DeviceId is { } device && (device < 0 || Provider is not (ExecutionProvider.Cuda or ExecutionProvider.DirectMl)))
            faults.Add($"{nameof(DeviceId)}: found {device} with {nameof(Provider)} {Provider?.ToString() ?? "null"}, expected 0 or more, with {ExecutionProvider.Cuda} or {ExecutionProvider.DirectMl}");
        if (!Enum.IsDefined(Fp32Tasks)) faults.Add($"{nameof(Fp32Tasks)}: found {Fp32Tasks}, expected {string.Join(" or ", Enum.GetNames<Fp32TaskPolicy>())}");
        if (!Enum.IsDefined(Batches)) faults.Add($"{nameof(Batches)}: found {Batches}, expected {string.Join(" or ", Enum.GetNames<BatchPolicy>())}");
        if (Threads is < 0 or > MaxThreads) faults.Add($"{nameof(Threads)}: found {Threads}, expected 0 to {MaxThreads}");
        if (CacheBytes < 0) faults.Add($"{nameof(CacheBytes)}: found {CacheBytes}, expected 0 or more");
        if (faults.Count > 0) throw EngineException.Options(faults);
    }
}
