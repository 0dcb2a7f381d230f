using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Which files have stopped changing, one probe a folder that is scanned. Every file is looked at before the model is loaded, so that the
/// interval passes meanwhile: for files that were there at the start it is most of the way to the first result.
/// </summary>
internal sealed class StableFiles
{
    public StableFiles(DataFolder folder, TimeSpan interval, TimeProvider time)
    {
        (Trust, Bundles, Inbox) = (new StableFileProbe(interval, time), new StableFileProbe(interval, time), new StableFileProbe(interval, time));
        Look(() => TrustFolder.Look(folder.Trust, Trust));
        Look(() => BundleFolder.Look(folder.Bundles, Bundles));
        Look(() => Ingestion.Inbox.Look(folder.Inbox, Inbox));
    }

    public StableFileProbe Trust { get; }

    public StableFileProbe Bundles { get; }

    public StableFileProbe Inbox { get; }

    private static void Look(Action look)
    {
        try
        {
            look();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The scans come to the same folder, and say so.
        }
    }
}
