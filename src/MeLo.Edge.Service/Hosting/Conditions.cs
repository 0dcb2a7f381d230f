using System.Collections.Concurrent;

namespace MeLo.Edge.Service.Hosting;

/// <summary>What hinders the service at the moment, in words that health answers show. No name of an input and no path is among them.</summary>
internal sealed class Conditions
{
    public const string DiskLow = "disk-low";
    public const string Storage = "storage";
    public const string Trust = "trust";
    public const string Bundles = "bundles";
    public const string Inbox = "inbox";
    public const string Device = "device";

    private readonly ConcurrentDictionary<string, string> _current = new(StringComparer.Ordinal);

    /// <summary>The conditions by code.</summary>
    public IReadOnlyDictionary<string, string> Current => new SortedDictionary<string, string>(_current, StringComparer.Ordinal);

    public bool Has(string code) => _current.ContainsKey(code);

    /// <summary>Sets a condition.</summary>
    /// <returns>Whether it was not there before: the moment to log it.</returns>
    public bool Set(string code, string detail)
    {
        bool added = false;
        _current.AddOrUpdate(code, _ => { added = true; return detail; }, (_, _) => detail);
        return added;
    }

    /// <summary>Ends a condition.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Clear(string code) => _current.TryRemove(code, out _);
}
