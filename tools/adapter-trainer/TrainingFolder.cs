using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>The folder in which a training keeps its state between its epochs. One training has it at a time; when that lets go of it, the folder is removed unless something is left in it.</summary>
internal sealed class TrainingFolder : IDisposable
{
    private const string LockFile = "lock", StateFile = "state.safetensors";

    private readonly string _path;
    private readonly FileStream _lock;

    private TrainingFolder(string path, FileStream taken) => (_path, _lock) = (path, taken);

    /// <summary>Where the state is kept after every epoch.</summary>
    public string State => StateIn(_path);

    /// <summary>Where a training keeps its state, whoever has the folder.</summary>
    public static string StateIn(string folder) => Path.Combine(folder, StateFile);

    /// <summary>Makes the folder, or takes what an interrupted training left.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="restart">Whether what was left is deleted.</param>
    /// <exception cref="TrainingException">Another process has it.</exception>
    /// <exception cref="RefusedException">It is a file.</exception>
    public static TrainingFolder Take(string path, bool restart = false)
    {
        TrainingFolder folder = new(path, Lock(path));
        try
        {
            if (restart) folder.Clear();
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private static FileStream Lock(string path)
    {
        if (File.Exists(path)) throw RefusedException.File(path, "found a file, expected a folder for the state of the training, or nothing");
        string file = Path.Combine(path, LockFile);
        for (bool isFirst = true; ; isFirst = false)
        {
            Directory.CreateDirectory(path);
            try
            {
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
            }
            catch (DirectoryNotFoundException) when (isFirst)
            {
                // A training that ended has removed the folder in between.
            }
            catch (IOException e) when (File.Exists(file))
            {
                throw new TrainingException($"{file}: found another training of this name at work, expected none", e);
            }
        }
    }

    /// <summary>Deletes what the training kept, and nothing else.</summary>
    public void Clear()
    {
        foreach (string file in (string[])[State, TrainingStateFile.PartialOf(State)]) File.Delete(file);
    }

    public void Dispose()
    {
        _lock.Dispose();
        try
        {
            // A link stays, and so does what another training has begun.
            if (new DirectoryInfo(_path).LinkTarget is null && !Directory.EnumerateFileSystemEntries(_path).Any()) Directory.Delete(_path);
        }
        catch (IOException)
        {
            // It is there again, or gone.
        }
    }
}
