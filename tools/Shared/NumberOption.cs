using System.CommandLine.Parsing;
using System.Globalization;

namespace MeLo.Edge.Tools;

/// <summary>Reads the numbers of a command line the same way under every culture, and says what was wrong in the user's words.</summary>
internal static class NumberOption
{
    /// <summary>A whole number of at least 1.</summary>
    public static int Whole(ArgumentResult result) => Whole(result, int.MaxValue);

    /// <summary>A whole number from 1 to some limit.</summary>
    public static Func<ArgumentResult, int> WholeUpTo(int most) => result => Whole(result, most);

    /// <inheritdoc cref="Whole"/>
    public static int? OptionalWhole(ArgumentResult result) => Whole(result);

    /// <summary>A whole number of at least 0.</summary>
    public static int Count(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)) return value;
        result.AddError($"{Name(result)}: found '{text}', expected a whole number from 0 to {int.MaxValue}.");
        return default;
    }

    /// <summary>Any whole number of 64 bits.</summary>
    public static ulong Seed(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)) return value;
        result.AddError($"{Name(result)}: found '{text}', expected a whole number from 0 to {ulong.MaxValue}.");
        return default;
    }

    /// <summary>A finite number of at least 0.</summary>
    public static double NotNegative(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value) && value is >= 0 and < double.PositiveInfinity)
            return value;
        result.AddError($"{Name(result)}: found '{text}', expected 0 or a number above it, as 1e-4 or 0.0001.");
        return default;
    }

    /// <summary>A finite number above 0. A comma is no part of one: read as a thousands separator, "0,0001" would be 1.</summary>
    public static double Positive(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value) && value is > 0 and < double.PositiveInfinity)
            return value;
        result.AddError($"{Name(result)}: found '{text}', expected a number above 0, as 1e-4 or 0.0001.");
        return default;
    }

    /// <inheritdoc cref="Positive"/>
    public static double? OptionalPositive(ArgumentResult result) => Positive(result);

    private static int Whole(ArgumentResult result, int most)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= most) return value;
        result.AddError($"{Name(result)}: found '{text}', expected a whole number from 1 to {most}.");
        return default;
    }

    private static string Name(ArgumentResult result) => result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
}
