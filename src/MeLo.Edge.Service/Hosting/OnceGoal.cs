using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;

namespace MeLo.Edge.Service.Hosting;

/// <summary>When <c>--once</c> is done: nothing is in work any more, and nothing will change by waiting longer.</summary>
internal sealed class OnceGoal(Device device, ServiceMetrics metrics, TimeProvider time)
{
    /// <summary>What keeps changing, or keeps failing, is waited for this long after the last thing that happened.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private (long, int, int) _seen;
    private long _since = time.GetTimestamp();

    public bool IsReached(InboxScan scan, BundleScan bundles)
    {
        (long, int, int) now = (metrics.Results + metrics.Duplicates + metrics.Quarantined + metrics.Refused, scan.Files, device.Tasks.All.Count);
        if (now != _seen || scan.InWork + scan.Queued > 0)
        {
            _seen = now;
            _since = time.GetTimestamp();
        }
        if (device.Inbox.InWork > 0) return false;
        return !(scan.IsMoving || bundles.IsMoving) || time.GetElapsedTime(_since) > s_patience;
    }

    public static ExitCode ExitCode(InboxScan scan, BundleScan bundles)
    {
        bool filesWait = scan.WithoutTask + scan.HeldByDisk + scan.Deferred + scan.Settling + scan.HeldBack + scan.FoldersUnreadable > 0;
        bool bundlesWait = bundles.WaitingForTrust + bundles.Failing > 0 || bundles.IsMoving;
        return filesWait || bundlesWait ? Service.ExitCode.StillWaiting : Service.ExitCode.Done;
    }
}
