namespace MeLo.Edge.Engine;

/// <summary>Why an engine refused.</summary>
public enum EngineFault
{
    /// <summary>The options are out of range.</summary>
    InvalidOptions,
    /// <summary>The base package lacks what the options ask for.</summary>
    UnusableBase,
    /// <summary>The bundle was made for another base.</summary>
    BaseMismatch,
    /// <summary>The bundle changes linears, or expects an input, that this base does not offer.</summary>
    Incompatible,
    /// <summary>The bundle demands a precision that the options refuse, or that the base has no graph of.</summary>
    PrecisionRefused,
    /// <summary>The bundle's expiry has passed.</summary>
    Expired,
    /// <summary>A higher release of the task is installed.</summary>
    LowerRelease,
    /// <summary>The probe's logits differ from the expected ones by more than the bundle's tolerance.</summary>
    ProbeFailed,
    /// <summary>No task of that name is installed.</summary>
    UnknownTask,
    /// <summary>The model gave a number that is not finite.</summary>
    NotFinite,
}

/// <summary>The engine refused a base, a bundle or a request.</summary>
public sealed class EngineException : MeLoException
{
    private EngineException(EngineFault fault, string message)
        : base(message) => Fault = fault;

    /// <summary>Why.</summary>
    public EngineFault Fault { get; }

    internal static EngineException Options(IEnumerable<string> faults) =>
        new(EngineFault.InvalidOptions, $"engine options: {string.Join("; ", faults)}");

    internal static EngineException Base(string message) => new(EngineFault.UnusableBase, $"base package: {message}");

    internal static EngineException Bundle(EngineFault fault, string task, int release, string message) =>
        new(fault, $"task '{task}', release {release}: {message}");

    internal static EngineException Adapter(string message) => new(EngineFault.Incompatible, $"adapter: {message}");

    internal static EngineException Pixels(string message) => new(EngineFault.Incompatible, $"pixel values: {message}");

    internal static EngineException UnknownTask(string task, IEnumerable<string> installed)
    {
        string known = string.Join(", ", installed.Order(StringComparer.Ordinal));
        return new EngineException(EngineFault.UnknownTask, $"found no task '{task}', expected {(known.Length == 0 ? "one to be installed first" : $"one of {known}")}");
    }
}
