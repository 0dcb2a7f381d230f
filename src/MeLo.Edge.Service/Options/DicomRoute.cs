using System.IO.Enumeration;

namespace MeLo.Edge.Service.Options;

/// <summary>Which DICOM files go to which tasks.</summary>
/// <param name="Conditions">Attribute keywords and the patterns of their values; all of them have to fit.</param>
/// <param name="Tasks">Where the files go.</param>
internal sealed record DicomRoute(IReadOnlyDictionary<string, IReadOnlyList<string>> Conditions, IReadOnlyList<string> Tasks)
{
    /// <summary>Whether a file with these attributes goes this way: of every condition one pattern fits, letter case aside; what a file does not say fits none.</summary>
    public bool Takes(IReadOnlyDictionary<string, string?> attributes) =>
        Conditions.All(c => attributes[c.Key] is { } value && c.Value.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, value)));
}
