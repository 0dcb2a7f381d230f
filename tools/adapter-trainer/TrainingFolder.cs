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
    public string State => Path.Combine(_path, StateFile);

    /// <summary>Makes the folder, or takes what an interrupted training left.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="restart">Whether what was left is deleted.</param>
    /// <exception cref="TrainingException">Another process has it.</exception>
    public static TrainingFolder Take(string path, bool restart = false)
    {
        string taken = Path.Combine(Directory.CreateDirectory(path).FullName, LockFile);
        try
        {
            TrainingFolder folder = new(path, new FileStream(taken, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose));
            if (restart) folder.Clear();
            return folder;
        }
        catch (IOException e) when (File.Exists(taken))
        {
            throw new TrainingException($"{taken}: found another training of this name at work, expected none", e);
        }
    }

    /// <summary>Deletes everything that the training kept.</summary>
    public void Clear()
    {
        foreach (string file in Directory.EnumerateFiles(_path).Where(f => Path.GetFileName(f) != LockFile)) File.Delete(file);
    }

    public void Dispose()
    {
        _lock.Dispose();
        try
        {
            Directory.Delete(_path);
        }
        catch (IOException)
        {
            // A state is there, or a result, or another training has begun.
        }
    }
}
