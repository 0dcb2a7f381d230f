namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// What one node of one session computes. The session holds it, and disposes it with itself when it is <see cref="IDisposable"/>.
/// </summary>
internal abstract class OrtKernel
{
    /// <summary>
    /// Computes every output from the inputs. Runs that overlap call this at the same time for the same kernel. What it throws,
    /// the run throws as <see cref="OrtException"/> with the same message; the session stays usable.
    /// </summary>
    public abstract void Compute(OrtKernelContext context);
}
