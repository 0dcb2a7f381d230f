using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tools;

/// <summary><c>--dicom</c>: which values of a gray DICOM image become black and white.</summary>
internal static class DicomOption
{
    private const string Forms = "file, range, named:NAME, percentile:LOW,HIGH or window:CENTER,WIDTH[,linear|linear-exact|sigmoid]";

    /// <summary>The option; without it there is no DICOM.</summary>
    public static Option<DicomVoi?> Create(string without) => new("--dicom")
    {
        Description = $"Which values of a gray DICOM image become black and white: the file's own table or window, the image's lowest and highest value, the file's window of a name, percentiles, or a window of its own (linear unless `,linear-exact` or `,sigmoid` follows). Of volumes also what stands for black and white where their numbers are no levels of gray. {without}",
        HelpName = "file|range|named:N|percentile:L,H|window:C,W",
        CustomParser = Read,
    };

    private static DicomVoi? Read(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        try
        {
            string[] parts = text.Split(':', 2);
            string[] values = parts.Length > 1 ? parts[1].Split(',', StringSplitOptions.TrimEntries) : [];
            if (text == "file") return DicomVoi.File;
            if (text == "range") return DicomVoi.Range;
            if (parts[0] == "named" && parts.Length > 1) return DicomVoi.Named(parts[1]);
            if (parts[0] == "percentile" && values.Length == 2 && Number(values[0], out double low) && Number(values[1], out double high)) return DicomVoi.Percentile(low, high);
            if (parts[0] == "window" && values.Length is 2 or 3 && Number(values[0], out double center) && Number(values[1], out double width) && Function(values.ElementAtOrDefault(2)) is { } function)
                return DicomVoi.Window(center, width, function);
        }
        catch (ImageException e)
        {
            result.AddError($"--dicom: {e.Message}.");
            return null;
        }
        result.AddError($"--dicom: found '{text}', expected {Forms}.");
        return null;
    }

    private static bool Number(string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static DicomVoiFunction? Function(string? text) => text switch
    {
        null or "linear" => DicomVoiFunction.Linear,
        "linear-exact" => DicomVoiFunction.LinearExact,
        "sigmoid" => DicomVoiFunction.Sigmoid,
        _ => null,
    };
}
