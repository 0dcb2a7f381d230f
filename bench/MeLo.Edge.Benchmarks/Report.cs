using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using Spectre.Console;

namespace MeLo.Edge.Benchmarks;

/// <summary>The outcome of a benchmark: named numbers, printed as a table or as one JSON object.</summary>
/// <param name="name">The benchmark.</param>
/// <param name="settings">What the user chose.</param>
/// <param name="device">The device as its driver calls it, where the graphs ran on one and that is known.</param>
internal sealed class Report(string name, BenchmarkOptions.Settings settings, string? device = null)
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private readonly List<(string Name, double Value, string Meaning)> _numbers = [];
    private readonly JsonObject _series = [];
    private readonly List<string> _leftOut = [];

    /// <summary>Adds a number; the name carries the unit (<c>_ms</c>, <c>_us</c>) or says that it is a ratio (<c>a_over_b</c>).</summary>
    public Report Add(string number, double value, string meaning)
    {
        _numbers.Add((number, value, meaning));
        return this;
    }

    /// <summary>Adds a number for each of several settings.</summary>
    public Report Add(string number, IReadOnlyDictionary<string, double> values, string meaning)
    {
        JsonObject series = [];
        foreach ((string key, double value) in values)
        {
            series.Add(key, Rounded(value));
            _numbers.Add(($"{number}[{key}]", value, meaning));
        }
        _series.Add(number, series);
        return this;
    }

    /// <summary>Says what was not measured, and why.</summary>
    public Report LeaveOut(IEnumerable<string> reasons)
    {
        _leftOut.AddRange(reasons);
        return this;
    }

    public void Print()
    {
        if (settings.Json) PrintJson();
        else PrintTable();
    }

    private void PrintJson()
    {
        JsonObject json = new()
        {
            ["benchmark"] = name,
            ["model"] = settings.Model.Name,
            ["precision"] = settings.Precision.Name(),
            ["provider"] = settings.Provider.Name(),
            ["threads"] = settings.Threads,
            ["rounds"] = settings.Rounds,
            ["machine"] = Machine.Describe(),
        };
        if (device is not null) json.Insert(json.IndexOf("threads"), "device", device);
        foreach ((string number, double value, _) in _numbers)
            if (!number.Contains('[', StringComparison.Ordinal)) json.Add(number, Rounded(value));
        foreach ((string key, JsonNode? series) in _series) json.Add(key, series!.DeepClone());
        if (_leftOut.Count > 0) json.Add("left_out", new JsonArray([.. _leftOut.Select(reason => JsonValue.Create(reason))]));
        Console.WriteLine(json.ToJsonString(s_indented));
    }

    private void PrintTable()
    {
        Table table = new Table().Title($"{name}: {settings.Model.Name}, {settings.Precision.Name()}, {settings.Provider.Name()}{(device is null ? "" : $" ({device})")}, {settings.Threads} threads").AddColumns("what", "value", "meaning");
        table.Columns[1].RightAligned();
        foreach ((string number, double value, string meaning) in _numbers)
            table.AddRow(Markup.Escape(number), Rounded(value).ToString(CultureInfo.InvariantCulture), Markup.Escape(meaning));
        AnsiConsole.Write(table);
        foreach (string reason in _leftOut) Console.WriteLine($"left out: {reason}"); // whole lines, however narrow the terminal
        AnsiConsole.WriteLine(Machine.Describe().ToJsonString());
    }

    private static double Rounded(double value)
    {
        if (value == 0 || !double.IsFinite(value)) return value;
        int digits = Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 9);
        return Math.Round(value, digits);
    }
}
