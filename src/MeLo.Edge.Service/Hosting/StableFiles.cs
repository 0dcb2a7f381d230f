using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Which files have stopped changing, one probe a folder that is scanned. Every file is looked at before the model is loaded, so that the
/// interval passes meanwhile: for files that were there at the start it is most of the way to the first result.
/// </summary>
internal sealed class StableFiles
{
    public StableFiles(DataFolder folder, TimeSpan interval, TimeSpan seriesInterval, TimeProvider time)
    {
        (Trust, Bundles, Inbox, Dicom) = (new StableFileProbe(interval, time), new StableFileProbe(interval, time), new StableFileProbe(interval, time), new StableFileProbe(interval, time));
        Series = new StableFileProbe(seriesInterval, time);
        Look(Trust, () => TrustFolder.Files(folder.Trust));
        Look(Bundles, () => BundleFolder.Files(folder.Bundles));
        Look(Inbox, () => Ingestion.Inbox.Files(folder.Inbox));
        Look(Dicom, () => Ingestion.Inbox.FilesOf(Path.Combine(folder.Inbox, DicomRouter.Name), DicomRouter.Name, new InboxScan()).Select(file => (file.Path, file.Stamp)));
    }

    public StableFileProbe Trust { get; }

    public StableFileProbe Bundles { get; }

    public StableFileProbe Inbox { get; }

    public StableFileProbe Dicom { get; }

    public StableFileProbe Series { get; }

    private static void Look(StableFileProbe probe, Func<IEnumerable<(string Path, FileStamp Stamp)>> files)
    {
        try
        {
            probe.Look(files());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The scans come to the same folder, and say so.
        }
    }
}
