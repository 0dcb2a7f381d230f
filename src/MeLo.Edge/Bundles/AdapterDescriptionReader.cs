using System.Globalization;
using System.Text.RegularExpressions;
using MeLo.Edge.Adapters;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Bundles;

/// <summary>Reads <c>adapter.json</c>: strictly, and with all faults at once.</summary>
internal static partial class AdapterDescriptionReader
{
    /// <summary>The most characters of a title or label, which are shown in one line: far more than fit.</summary>
    internal const int LongestLine = 200;

    private const int DigestLength = 64;

    // RFC 3339, which is the part of ISO 8601 that is unambiguous: always with an offset.
    private static readonly string[] s_timeFormats =
    [
        "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz",
    ];

    public static AdapterDescription Read(ReadOnlyMemory<byte> utf8, string source)
    {
        StrictJson json = new();
        AdapterDescription? description = json.Read(utf8, root => ReadRoot(root, json));
        return json.Faults.Count == 0 && description is not null
            ? description
            : throw BundleException.Of(BundleRefusal.InvalidDescription, source, json.Summary);
    }

    public static bool IsTaskName(string text) => TaskName().IsMatch(text);

    private static AdapterDescription? ReadRoot(StrictObject root, StrictJson json)
    {
        root.Choice("schema", (AdapterDescription.CurrentSchema, true));
        string task = root.Text("task");
        if (task.Length > 0 && !IsTaskName(task)) root.Fault("task", "expected [a-z0-9][a-z0-9._-]{0,62}");
        int release = root.Integer("release", 1);
        string title = Line(root, "title");
        string digest = root.Text("base");
        if (!IsDigest(digest)) root.Fault("base", $"expected '{AdapterDescription.DigestPrefix}' and {DigestLength} lower-case hex digits");
        string architecture = Line(root, "architecture");
        LoraDescription? lora = root.Object("lora", ReadLora);
        HeadDescription? head = root.Object("head", ReadHead);
        InputDescription? input = root.Object("input", i => ReadInput(i, json));
        ProbeTolerance? tolerance = root.Object("tolerance", ReadTolerance);
        Precision? precision = root.Has("precision") ? root.Choice<Precision?>("precision", (Precision.Fp32.Name(), Precision.Fp32)) : null;
        ModelCard? card = root.ObjectOrNull("card", ModelCardJson.Read);
        DateTimeOffset created = Time(root, "created", root.Text("created"));
        DateTimeOffset? expires = root.TextOrNull("expires") is { } text ? Time(root, "expires", text) : null;
        if (expires <= created) root.Fault("expires", "expected a time after created");
        if (lora is null || head is null || input is null || tolerance is null) return null;
        return new AdapterDescription
        {
            Task = task, Release = release, Title = title, Base = digest, Architecture = architecture, Lora = lora, Head = head,
            Input = input, Tolerance = tolerance, Precision = precision, Card = card, Created = created, Expires = expires,
        };
    }

    private static LoraDescription ReadLora(StrictObject lora)
    {
        int rank = lora.Integer("rank", 1);
        double alpha = lora.Number("alpha");
        bool hasScale = lora.Has("scale");
        double scale = lora.Number("scale");
        // The merge computes in binary32.
        if (hasScale && ((float)scale == 0 || !float.IsFinite((float)scale))) lora.Fault("scale", "expected a finite number other than 0 (in binary32)");
        List<VitLinear> targets = [];
        foreach ((string name, string path) in lora.Texts("targets"))
        {
            if (!VitLinears.TryParse(name, out VitLinear linear))
                lora.FaultAt(path, $"found '{PrintableText.Of(name)}', expected one of {string.Join(", ", VitLinears.All.Select(l => l.Name()))}");
            else if (targets.Contains(linear)) lora.FaultAt(path, $"'{name}' appears twice");
            else targets.Add(linear);
        }
        if (targets.Count == 0) lora.Fault("targets", "expected at least one");
        return new LoraDescription(rank, alpha, scale, targets, Word(lora, "source"));
    }

    private static HeadDescription ReadHead(StrictObject head)
    {
        List<string> labels = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach ((string label, string path) in head.Texts("labels"))
        {
            if (!IsLine(label)) head.FaultAt(path, $"expected a text of 1 to {LongestLine} characters without control or direction characters");
            else if (!seen.Add(label)) head.FaultAt(path, $"'{PrintableText.Of(label)}' appears twice");
            labels.Add(label);
        }
        if (labels.Count == 0) head.Fault("labels", "expected at least one");
        HeadActivation activation = head.Choice("activation", ("softmax", HeadActivation.Softmax), ("sigmoid", HeadActivation.Sigmoid));
        string biasSource = head.Choice("biasSource",
            (ImportedAdapter.ZeroBias, ImportedAdapter.ZeroBias), (ImportedAdapter.FileBias, ImportedAdapter.FileBias), (ImportedAdapter.AdapterBias, ImportedAdapter.AdapterBias))
            ?? string.Empty;
        return new HeadDescription(labels, activation, biasSource);
    }

    private static InputDescription? ReadInput(StrictObject input, StrictJson json)
    {
        bool isVolume = input.Choice("kind", (InputDescription.ImageKind, false), (InputDescription.VolumeKind, true));
        PreprocessRecipe? recipe = input.Object("preprocess", p => PreprocessRecipeJson.Read(p, json));
        DicomVoi? dicom = input.Has("dicom") ? input.Object("dicom", d => DicomVoiJson.Read(d, json)) : null;
        VolumeRecipe? volume = isVolume ? input.Object("volume", VolumeRecipeJson.Read) : null;
        return recipe is null || (isVolume && volume is null) ? null : new InputDescription(recipe, dicom, volume);
    }

    private static ProbeTolerance ReadTolerance(StrictObject tolerance)
    {
        return new ProbeTolerance(Positive("fp32"), Optional("int8"), Optional("fp16"));

        double? Optional(string name) => tolerance.Has(name) ? Positive(name) : null;

        double Positive(string name)
        {
            bool present = tolerance.Has(name);
            double value = tolerance.Number(name);
            if (present && value <= 0) tolerance.Fault(name, "expected a positive number");
            return value;
        }
    }

    private static DateTimeOffset Time(StrictObject container, string name, string text)
    {
        if (DateTimeOffset.TryParseExact(text, s_timeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)) return time;
        container.Fault(name, "expected an ISO 8601 time with seconds and an offset, as 2026-01-31T10:20:30Z");
        return default;
    }

    private static string Line(StrictObject container, string name)
    {
        string text = container.Text(name);
        if (!IsLine(text)) container.Fault(name, $"expected a text of 1 to {LongestLine} characters without control or direction characters");
        return text;
    }

    private static string Word(StrictObject container, string name)
    {
        string text = container.Text(name);
        if (!SourceName().IsMatch(text)) container.Fault(name, "expected [a-z0-9-]{1,32}");
        return text;
    }

    /// <summary>Whether a text can be a title or a label.</summary>
    internal static bool IsLine(string text) =>
        text.Length is > 0 and <= LongestLine && !string.IsNullOrWhiteSpace(text) && !text.Any(c => char.IsControl(c) || TurnsDirection(c));

    // A label reads as it is written: embeddings, overrides and isolates (Unicode TR 9) can make it read as another one.
    private static bool TurnsDirection(char c) => c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') or '\u2028' or '\u2029';

    private static bool IsDigest(string text) =>
        text.Length == AdapterDescription.DigestPrefix.Length + DigestLength
        && text.StartsWith(AdapterDescription.DigestPrefix, StringComparison.Ordinal)
        && text.Skip(AdapterDescription.DigestPrefix.Length).All(char.IsAsciiHexDigitLower);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9._-]{0,62}\z")]
    private static partial Regex TaskName();

    [GeneratedRegex(@"\A[a-z0-9-]{1,32}\z")]
    private static partial Regex SourceName();
}
