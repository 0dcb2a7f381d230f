namespace MeLo.Edge.Service.Ingestion;

/// <summary>Whether the data folder's disk has room for more results.</summary>
internal sealed class DiskWatermark(string folder, long minimumFreeBytes)
{
    private readonly DriveInfo _drive = new(folder);

    /// <summary>Free bytes for this process's user.</summary>
    public long FreeBytes => _drive.AvailableFreeSpace;

    /// <summary>Whether no new image should be taken.</summary>
    public bool IsLow => FreeBytes < minimumFreeBytes;
}
