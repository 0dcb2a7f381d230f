using System.Text.Json;

namespace MeLo.Edge.Training;

/// <summary>Everything that a training's result depends on, by name: what was kept of another is refused with what differs.</summary>
/// <param name="Lines">Names, each once, with their values.</param>
internal sealed record TrainingIdentity(IReadOnlyList<(string Name, string Value)> Lines)
{
    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static TrainingIdentity Parse(string json)
    {
        string[][] pairs = JsonSerializer.Deserialize<string[][]>(json) ?? throw new JsonException("found null, expected pairs of texts");
        if (pairs.Any(p => p is not [not null, not null])) throw new JsonException("found something else, expected pairs of texts");
        if (pairs.DistinctBy(p => p[0]).Count() != pairs.Length) throw new JsonException("found a name twice, expected each once");
        return new TrainingIdentity([.. pairs.Select(p => (p[0], p[1]))]);
    }

    /// <summary>Pairs of texts.</summary>
    public string ToJson() => JsonSerializer.Serialize(Lines.Select(line => new[] { line.Name, line.Value }));

    /// <summary>How another differs from this one, in words; empty where it is the same.</summary>
    public string Differences(TrainingIdentity found)
    {
        Dictionary<string, string> values = found.Lines.ToDictionary(l => l.Name, l => l.Value);
        return string.Join("; ",
        [
            .. Lines.Where(l => values.GetValueOrDefault(l.Name) != l.Value).Select(l => $"{l.Name}: found {values.GetValueOrDefault(l.Name) ?? "nothing"}, expected {l.Value}"),
            .. values.Keys.Except(Lines.Select(l => l.Name)).Order(StringComparer.Ordinal).Select(name => $"{name}: found {values[name]}, expected nothing"),
        ]);
    }
}
