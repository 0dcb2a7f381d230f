namespace MeLo.Edge.Engine;

/// <summary>How a batch of images of several tasks runs on a device.</summary>
public enum BatchPolicy
{
    /// <summary>As measured costs say: the large groups merged, one run a task, the others in one mixed run, or all of them either way.</summary>
    Measured,
    /// <summary>One run a task, with merged weights.</summary>
    Merged,
    /// <summary>One run for all, with every image's adapter beside the weights.</summary>
    Mixed,
}
