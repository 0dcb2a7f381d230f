using System.Text.RegularExpressions;

namespace MeLo.Edge.Adapters;

/// <summary>One entry of PEFT's <c>rank_pattern</c> or <c>alpha_pattern</c>: an expression over module paths and its number.</summary>
internal sealed class PeftPattern
{
    // The expression comes from a file: this engine's time is linear in the text, whatever the expression.
    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private readonly Regex _anywhere;
    private readonly Regex _below;

    public PeftPattern(string key, double value)
    {
        Key = key;
        Value = value;
        _anywhere = new Regex($@"\A(?:(.*\.)?({key})$)", Options);
        _below = new Regex($@"\A(?:.*\.{key}$)", Options);
    }

    public string Key { get; }

    public double Value { get; }

    /// <summary>PEFT since 0.15: <c>(.*\.)?(key)$</c>.</summary>
    public bool Matches(string module) => _anywhere.IsMatch(module);

    /// <summary>PEFT before that: <c>.*\.key$</c>.</summary>
    public bool MatchesBelow(string module) => _below.IsMatch(module);
}
