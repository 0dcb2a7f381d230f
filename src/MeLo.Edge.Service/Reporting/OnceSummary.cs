using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;

namespace MeLo.Edge.Service.Reporting;

/// <summary>What <c>--once</c> did, in counts: standard output may end in a log, so no name is in it.</summary>
internal static class OnceSummary
{
    public static string Of(ServiceMetrics metrics, InboxScan scan, BundleScan bundles)
    {
        List<string> lines =
        [
            $"{metrics.Results} results, {metrics.Duplicates} duplicates, {metrics.Quarantined} quarantined, {metrics.Refused} bundles refused",
        ];
        Add(scan.WithoutTask, "files wait for a task that no bundle is installed for");
        Add(scan.HeldByDisk, "files wait because the disk is almost full");
        Add(scan.Deferred, "files wait because they keep failing; the log says how");
        Add(scan.Settling, "files wait because they keep changing");
        Add(scan.Unusable, "entries are not regular files, or have names that are not UTF-8: they stay where they are");
        Add(scan.FoldersUnreadable, "inbox folders cannot be listed");
        Add(bundles.WaitingForTrust, "bundles wait because the trust folder holds no key");
        Add(bundles.Failing, "bundles wait because they cannot be read or activated; the log says why");
        if (bundles.IsMoving) lines.Add("the bundles or trust folder keeps changing or failing; the log says how");
        return string.Join(Environment.NewLine, lines);

        void Add(int count, string what)
        {
            if (count > 0) lines.Add($"{count} {what}");
        }
    }
}
