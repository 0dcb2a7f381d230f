using System.Collections.Concurrent;
using System.Text.Json;
using MeLo.Edge.Service;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Reads every result the moment it appears, as an impatient consumer does, and remembers what was ever wrong.</summary>
internal sealed class OutboxWatcher : IDisposable
{
    private readonly DataFolder _data;
    private readonly Thread _thread;
    private readonly ConcurrentDictionary<string, string> _seen = new();
    private readonly ConcurrentBag<string> _faults = [];
    private volatile bool _stop;

    public OutboxWatcher(DataFolder data)
    {
        _data = data;
        _thread = new Thread(Watch) { IsBackground = true };
        _thread.Start();
    }

    public int Count => _seen.Count;

    public IReadOnlyCollection<string> Faults => _faults;

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    private void Watch()
    {
        while (!_stop)
        {
            foreach (string task in Directory.GetDirectories(_data.Outbox)) Look(task);
            Thread.Sleep(1);
        }
    }

    private void Look(string folder)
    {
        foreach (string path in Directory.GetFiles(folder))
        {
            string name = Path.GetFileName(path);
            if (name.StartsWith('.')) continue;
            if (!name.EndsWith(".json", StringComparison.Ordinal)) _faults.Add($"{name} is visible");
            try
            {
                byte[] bytes = File.ReadAllBytes(path);
                using JsonDocument document = JsonDocument.Parse(bytes);
                string sha256 = document.RootElement.GetProperty("input").GetProperty("sha256").GetString()!;
                string content = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
                if (!name.Contains(sha256[..12], StringComparison.Ordinal)) _faults.Add($"{name} has the result of other bytes");
                if (_seen.GetOrAdd(name, content) != content) _faults.Add($"{name} was given twice, with different content");
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or IOException)
            {
                _faults.Add($"{name}: {e.Message}");
            }
        }
    }
}
