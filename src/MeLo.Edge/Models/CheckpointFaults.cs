using System.Globalization;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Models;

/// <summary>Every way in which a checkpoint's tensors differ from what its architecture needs, reported together.</summary>
internal sealed partial class CheckpointFaults
{
    private readonly List<(string Name, string Detail)> _missing = [], _extra = [], _misshapen = [];

    public bool Any => _missing.Count + _extra.Count + _misshapen.Count > 0;

    public void Missing(string name) => _missing.Add((name, ""));

    public void Extra(string name) => _extra.Add((name, ""));

    public void Misshapen(string name, string found, string expected) => _misshapen.Add((name, $" {found}, expected {expected}"));

    public override string ToString()
    {
        List<string> parts = [];
        if (_missing.Count > 0) parts.Add($"missing {List(_missing)}");
        if (_extra.Count > 0) parts.Add($"extra {List(_extra)}");
        if (_misshapen.Count > 0) parts.Add($"misshapen {List(_misshapen)}");
        return string.Join("; ", parts);
    }

    /// <summary>The names in order; those that differ only in the block's number become one: <c>blocks.[0-11].ls1.gamma</c>.</summary>
    private static string List(List<(string Name, string Detail)> faults)
    {
        IEnumerable<string> texts = faults
            .Select(f => (Match: LayerNumber().Match(f.Name), f.Name, f.Detail))
            .GroupBy(f => f.Match.Success ? (f.Name[..f.Match.Index], f.Name[(f.Match.Index + f.Match.Length)..], f.Detail) : (f.Name, null, f.Detail))
            .Select(g => g.Key.Item2 is null
                ? g.Key.Item1 + g.Key.Detail
                : $"{g.Key.Item1}{Ranges([.. g.Select(f => int.Parse(f.Match.ValueSpan, CultureInfo.InvariantCulture)).Order()])}{g.Key.Item2}{g.Key.Detail}")
            .Order(StringComparer.Ordinal);
        return string.Join(", ", texts);
    }

    private static string Ranges(int[] numbers)
    {
        if (numbers.Length == 1) return numbers[0].ToString(CultureInfo.InvariantCulture);
        List<string> ranges = [];
        for (int i = 0; i < numbers.Length;)
        {
            int end = i;
            while (end + 1 < numbers.Length && numbers[end + 1] == numbers[end] + 1) end++;
            ranges.Add(end == i ? $"{numbers[i]}" : $"{numbers[i]}-{numbers[end]}");
            i = end + 1;
        }
        return $"[{string.Join(',', ranges)}]";
    }

    [GeneratedRegex(@"(?<=\.)[0-9]{1,6}(?=\.)", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();
}
