namespace MeLo.Edge.Service;

/// <summary>How the program ended. The numbers are part of its contract (docs/operating.md).</summary>
internal enum ExitCode
{
    /// <summary>Stopped as asked, or with <c>--once</c>: everything waiting was settled.</summary>
    Done = 0,

    /// <summary>The worker failed; a service manager should start the service again.</summary>
    Failed = 1,

    /// <summary>The command line or the settings are wrong.</summary>
    Usage = 2,

    /// <summary>Another service works in the same data folder.</summary>
    InUse = 3,

    /// <summary>The base package is missing or broken.</summary>
    Base = 4,

    /// <summary>The data folder, or the journal in it, cannot be used.</summary>
    DataFolder = 5,

    /// <summary>With <c>--once</c>: a file or a bundle is still waiting that waiting longer would not settle.</summary>
    StillWaiting = 6,

    /// <summary>A step made no progress for so long that only a fresh process can help.</summary>
    Stalled = 7,

    /// <summary>The execution provider that was asked for cannot start, lacks the memory to, or cannot run the base as it was asked to.</summary>
    Provider = 8,

    /// <summary>The device that the model runs on is lost; only a fresh process can have it back. No image is lost: a service manager should start the service again.</summary>
    DeviceLost = 9,
}
