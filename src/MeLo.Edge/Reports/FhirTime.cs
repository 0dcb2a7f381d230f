using System.Globalization;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Reports;

/// <summary>DICOM's dates and times (PS3.5, section 6.2: DA, TM) as FHIR's (R4, "date", "dateTime", "instant"): as precise as they are given, and null where they are none.</summary>
internal static partial class FhirTime
{
    /// <summary>A date: of a year, a month or a day. Days and months of 00, which some write for unknown ones, are left out.</summary>
    public static string? Date(string? date)
    {
        if (date is null || Dates().Match(date) is not { Success: true } match) return null;
        string year = match.Groups["y"].Value, month = match.Groups["m"].Value, day = match.Groups["d"].Value;
        if (year == "0000") return null;
        if (month is "" or "00") return year;
        if (day is "" or "00") return int.Parse(month, CultureInfo.InvariantCulture) <= 12 ? $"{year}-{month}" : null;
        return DateOnly.TryParseExact(year + month + day, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? $"{year}-{month}-{day}" : null;
    }

    /// <summary>A date with its time and zone; the date alone where the time says no minutes.</summary>
    /// <param name="date">DA.</param>
    /// <param name="time">TM.</param>
    /// <param name="offset">Timezone Offset From UTC.</param>
    /// <param name="zone">The zone, where there is no offset.</param>
    public static string? DateTime(string? date, string? time, string? offset, TimeZoneInfo zone)
    {
        if (Date(date) is not { Length: 10 } day || time is null || Times().Match(time) is not { Success: true } match) return Date(date);
        string seconds = match.Groups["s"].Success ? match.Groups["s"].Value : "00", fraction = match.Groups["f"].Value;
        System.DateTime local = System.DateTime.ParseExact($"{day} {match.Groups["h"].Value}:{match.Groups["m"].Value}", "yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return $"{day}T{local:HH:mm}:{seconds}{fraction}{Offset(offset) ?? Of(zone.GetUtcOffset(local))}";
    }

    /// <summary>A moment, in UTC.</summary>
    public static string Instant(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string? Offset(string? offset) => offset is not null && Offsets().Match(offset) is { Success: true } match ? $"{match.Groups["h"].Value}:{match.Groups["m"].Value}" : null;

    private static string Of(TimeSpan offset) => (offset < TimeSpan.Zero ? "-" : "+") + offset.ToString("hh\\:mm", CultureInfo.InvariantCulture);

    // With the full stops of before DICOM 3.0 too.
    [GeneratedRegex("^(?<y>[0-9]{4})(?:\\.?(?<m>[0-9]{2})(?:\\.?(?<d>[0-9]{2}))?)?\\z")]
    private static partial Regex Dates();

    [GeneratedRegex("^(?<h>[01][0-9]|2[0-3]):?(?<m>[0-5][0-9])(?::?(?<s>[0-5][0-9]|60)(?<f>\\.[0-9]{1,6})?)?\\z")]
    private static partial Regex Times();

    [GeneratedRegex("^(?<h>[+-](?:0[0-9]|1[0-3]))(?<m>[0-5][0-9])\\z|^(?<h>\\+14)(?<m>00)\\z")]
    private static partial Regex Offsets();
}
