using System.Globalization;

namespace MeLo.Edge.Training.Data;

/// <summary>How parts are made. The training samples are what the other two leave.</summary>
internal sealed record SplitOptions
{
    /// <summary>The share of all samples for validation, above 0; 0.15 unless set.</summary>
    public double Validation { get; init; } = 0.15;

    /// <summary>The share for the test, 0 for none; 0.15 unless set. Below 1 together with <see cref="Validation"/>.</summary>
    public double Test { get; init; } = 0.15;

    /// <summary>The seed.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Every fault, in words; empty when there is none.</summary>
    public IEnumerable<string> Faults()
    {
        if (!(Validation > 0 && Validation < 1)) yield return $"share for validation: found {Text(Validation)}, expected more than 0 and less than 1";
        if (!(Test >= 0 && Test < 1)) yield return $"share for the test: found {Text(Test)}, expected 0 to less than 1";
        if (Validation + Test >= 1) yield return $"shares for validation and the test: found {Text(Validation + Test)} together, expected less than 1";
    }

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
