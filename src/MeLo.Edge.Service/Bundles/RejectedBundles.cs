using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Bundles;

/// <summary>Where refused bundles go, each with its reason; and the reasons as codes.</summary>
internal sealed class RejectedBundles(string folder, JobJournal journal, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    public const string LowerRelease = "lower-release";
    public const string ReleaseTaken = "release-taken";

    private readonly SettledFolder _rejected = new(folder);

    /// <summary>Puts back what a crash left half-moved.</summary>
    public void Recover(string bundles)
    {
        DurableFile.RemoveLeftovers(folder);
        _rejected.PutBackUnfinished(bundles);
    }

    /// <summary>Moves a bundle file here, if it still is the one that was refused.</summary>
    /// <exception cref="IOException">It cannot be moved now.</exception>
    public void Take(string path, string digest, string? task, int? release, Reason reason)
    {
        string sha256 = digest[AdapterDescription.DigestPrefix.Length..];
        string name = System.IO.Path.GetFileName(path);
        byte[] document = ReasonDocument.Rejected(name, digest, task, release, reason, time.GetUtcNow());
        if (_rejected.Take(path, p => RegularFile.Sha256(p) == sha256, FileNames.Safe(name), document) != TakeOutcome.Taken) return;
        journal.Audit(AuditEvent.Refused, task, release, digest, detail: reason.Code);
        metrics.Refuse(reason.Code);
        logger.BundleRefused(reason.Code, digest);
    }

    /// <summary>The reason behind an exception: <c>NotSigned</c> becomes <c>not-signed</c>.</summary>
    public static Reason ReasonOf(MeLoException refusal) => refusal switch
    {
        BundleException e => new Reason(Code(e.Refusal.ToString()), e.Message),
        EngineException e => new Reason(Code(e.Fault.ToString()), e.Message),
        _ => new Reason("refused", refusal.Message),
    };

    private static string Code(string name) => string.Concat(
        name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
