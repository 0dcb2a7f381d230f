namespace MeLo.Edge.Tests;

/// <summary>A real folder that lives as long as one test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("melo-edge-test-").FullName;

    /// <summary>A path inside the folder; its parent is made.</summary>
    public string this[params string[] parts]
    {
        get
        {
            string path = Path.Combine([Root, .. parts]);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            return path;
        }
    }

    public void Dispose()
    {
        try { Directory.Delete(Root, recursive: true); }
        catch (IOException) { /* a process under test may still hold a file; the system clears its temporary folder */ }
        catch (UnauthorizedAccessException) { /* likewise */ }
    }
}
