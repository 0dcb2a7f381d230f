namespace MeLo.Edge.Service.Hosting;

/// <summary>One service a data folder: held as long as the process lives, released by the system however it ends.</summary>
internal sealed class InstanceLock : IDisposable
{
    // What .NET reports for a file that another process holds; a read-only file system, say, is something else.
    private const int WouldBlock = 11; // EWOULDBLOCK of flock(2)
    private const int SharingViolation = unchecked((int)0x80070020); // ERROR_SHARING_VIOLATION

    private readonly FileStream _file;

    private InstanceLock(FileStream file) => _file = file;

    /// <exception cref="ServiceException">Another service works in this data folder.</exception>
    public static InstanceLock Take(DataFolder folder)
    {
        string path = Path.Combine(folder.State, "lock");
        try
        {
            return new InstanceLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.HResult is WouldBlock or SharingViolation)
        {
            throw ServiceException.InUse(folder.Root);
        }
    }

    public void Dispose() => _file.Dispose();
}
