namespace MeLo.Edge.Training.Reports;

/// <summary>A report as one HTML file that needs nothing else: no scripts, no fonts, no links outside. The same content gives the same bytes.</summary>
internal static class HtmlReport
{
    /// <summary>The file, UTF-8.</summary>
    public static byte[] Write(ReportContent content) => throw new NotImplementedException();

    /// <summary>The curves on their own, each an SVG file: its name, such as <c>roc.svg</c>, and its bytes.</summary>
    public static IReadOnlyList<(string Name, byte[] Bytes)> Curves(ReportContent content) => throw new NotImplementedException();
}
