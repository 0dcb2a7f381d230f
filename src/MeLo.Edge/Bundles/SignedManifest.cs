using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MeLo.Edge.Bundles;

/// <summary>
/// What a model signature says: the in-toto statement with the OpenSSF Model Signing v1.0 predicate, that is the files of the model
/// and their digests. One that comes from <see cref="ModelSignature.Verify(TrustStore, TimeProvider?)"/> was signed by somebody trusted.
/// </summary>
public sealed class SignedManifest
{
    internal const string StatementType = "https://in-toto.io/Statement/v1";
    internal const string PredicateType = "https://model_signing/signature/v1.0";
    private const string Sha256 = "sha256";
    private const string FilesMethod = "files";
    private const int Sha256HexLength = 64;

    private readonly Dictionary<string, string> _digests;

    private SignedManifest(string modelName, IReadOnlyList<(string Name, string Digest)> resources, IReadOnlyList<string> ignorePaths)
    {
        ModelName = modelName;
        ResourceNames = [.. resources.Select(r => r.Name)];
        IgnorePaths = ignorePaths;
        _digests = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string digest) in resources) _digests[name] = digest; // a name that appears twice is a fault already
    }

    /// <summary>The paths that the standard leaves out of every model (section 6.2).</summary>
    public static IReadOnlyList<string> DefaultIgnorePaths { get; } = [".git", ".gitignore", ".gitattributes", ".github"];

    /// <summary>What the signer called the model: for people only.</summary>
    public string ModelName { get; }

    /// <summary>The signed files, in the standard's order.</summary>
    public IReadOnlyList<string> ResourceNames { get; }

    /// <summary>The paths that the signer left out.</summary>
    public IReadOnlyList<string> IgnorePaths { get; }

    /// <summary>Compares what was signed with what is there: same names, same digests.</summary>
    /// <param name="resources">What is there.</param>
    /// <param name="source">What to call the signature in error messages.</param>
    /// <param name="ignoreUnsigned">Whether files that were not signed are let pass (section 8.5).</param>
    /// <exception cref="BundleException">A file is missing, was added, or has another digest.</exception>
    public void Check(IReadOnlyCollection<ModelResource> resources, string source, bool ignoreUnsigned = false)
    {
        Dictionary<string, string> present = resources.ToDictionary(r => r.Name, r => r.Digest, StringComparer.Ordinal);
        foreach (string name in ResourceNames)
        {
            if (!present.Remove(name, out string? digest))
                throw BundleException.Tampered(source, $"'{PrintableText.Of(name)}' was signed and is missing");
            if (digest != _digests[name])
                throw BundleException.Tampered(source, $"'{PrintableText.Of(name)}': found SHA-256 {digest}, expected the signed {_digests[name]}");
        }
        if (!ignoreUnsigned && present.Count > 0)
            throw BundleException.Tampered(source, $"'{PrintableText.Of(present.Keys.Min(ModelResource.NameOrder)!)}' is there and was not signed");
    }

    /// <summary>The statement for a model, as the bytes to sign.</summary>
    internal static byte[] Write(string modelName, IReadOnlyCollection<ModelResource> resources, IEnumerable<string> ignorePaths)
    {
        ModelResource[] sorted = [.. resources.OrderBy(r => r.Name, ModelResource.NameOrder)];
        using MemoryStream buffer = new();
        // The payload is not HTML; names stay readable for whoever decodes it.
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("_type", StatementType);
            json.WriteStartArray("subject");
            json.WriteStartObject();
            json.WriteString("name", modelName);
            json.WriteStartObject("digest");
            json.WriteString(Sha256, RootDigest(sorted.Select(r => r.Digest)));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteString("predicateType", PredicateType);
            json.WriteStartObject("predicate");
            json.WriteStartArray("resources");
            foreach (ModelResource resource in sorted)
            {
                json.WriteStartObject();
                json.WriteString("name", resource.Name);
                json.WriteString("algorithm", Sha256);
                json.WriteString("digest", resource.Digest);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("serialization");
            json.WriteString("method", FilesMethod);
            json.WriteString("hash_type", Sha256);
            json.WriteBoolean("allow_symlinks", false);
            json.WriteStartArray("ignore_paths");
            foreach (string path in ignorePaths) json.WriteStringValue(path);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    /// <summary>Reads a statement whose signature was verified.</summary>
    /// <exception cref="BundleException">It is not a statement of OpenSSF Model Signing v1.0, with SHA-256 over whole files.</exception>
    internal static SignedManifest Read(byte[] payload, string source)
    {
        StrictJson json = new();
        SignedManifest? manifest = json.Read(payload, ReadStatement);
        if (json.Faults.Count > 0 || manifest is null)
            throw BundleException.InvalidSignature(source, $"the signed statement: {json.Summary}");
        return manifest;
    }

    private static SignedManifest ReadStatement(StrictObject statement)
    {
        statement.Choice("_type", (StatementType, true));
        statement.Choice("predicateType", (PredicateType, true));
        IReadOnlyList<Subject> subjects = statement.Objects("subject", ReadSubject);
        if (subjects.Count != 1) statement.Fault("subject", $"found {subjects.Count} subjects, expected 1");
        Predicate? predicate = statement.Object("predicate", ReadPredicate);
        if (predicate is null || subjects.Count != 1) return new SignedManifest(string.Empty, [], []);

        string root = RootDigest(predicate.Resources.Select(r => r.Digest));
        if (subjects[0].Digest != root) statement.Fault("subject", $"found the digest {PrintableText.Of(subjects[0].Digest)}, expected {root}, the digest of the resources'");
        return new SignedManifest(subjects[0].Name, [.. predicate.Resources.Select(r => (r.Name, r.Digest))], predicate.IgnorePaths);
    }

    private static Subject ReadSubject(StrictObject subject)
    {
        string name = subject.Text("name");
        if (name.Length == 0) subject.Fault("name", "is empty");
        string digest = subject.Object("digest", set =>
        {
            string value = set.Text(Sha256);
            set.IgnoreRest(); // a DigestSet may hold others
            return value;
        }) ?? string.Empty;
        subject.IgnoreRest(); // in-toto leaves resource descriptors open
        return new Subject(name, digest);
    }

    private static Predicate ReadPredicate(StrictObject predicate)
    {
        IReadOnlyList<Resource> resources = predicate.Objects("resources", ReadResource);
        if (resources.Count == 0) predicate.Fault("resources", "found none, expected at least one");
        for (int i = 1; i < resources.Count; i++)
        {
            int order = ModelResource.NameOrder.Compare(resources[i - 1].Name, resources[i].Name);
            if (order == 0) predicate.Fault($"resources[{i}].name", "appears twice");
            if (order > 0) predicate.Fault($"resources[{i}].name", "is not in the order of its code points");
        }
        IReadOnlyList<string> ignorePaths = predicate.Object("serialization", ReadSerialization) ?? [];
        return new Predicate(resources, ignorePaths);
    }

    private static Resource ReadResource(StrictObject resource)
    {
        string name = resource.Text("name");
        if (!ModelResource.IsCanonical(name)) resource.Fault("name", "is not a canonical relative path");
        resource.Choice("algorithm", (Sha256, true));
        string digest = resource.Text("digest");
        if (digest.Length != Sha256HexLength || !digest.All(char.IsAsciiHexDigitLower))
            resource.Fault("digest", $"expected {Sha256HexLength} lower-case hex digits");
        resource.IgnoreRest(); // section 5.2.1: verifiers ignore what they do not know here
        return new Resource(name, digest);
    }

    private static string[] ReadSerialization(StrictObject serialization)
    {
        // Section 6.3.2: a verifier without shards says so.
        serialization.Choice("method", (FilesMethod, true));
        serialization.Choice("hash_type", (Sha256, true));
        if (serialization.Flag("allow_symlinks")) serialization.Fault("allow_symlinks", "found true, expected false");
        return serialization.Has("ignore_paths") ? [.. serialization.Texts("ignore_paths").Select(p => p.Text)] : [];
    }

    // Section 6.5.1: over the raw digests, in the order of the names. A digest that is not hex was reported already.
    private static string RootDigest(IEnumerable<string> digests)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string digest in digests)
            hash.AppendData(digest.Length == Sha256HexLength && digest.All(char.IsAsciiHexDigit) ? Convert.FromHexString(digest) : Encoding.UTF8.GetBytes(digest));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed record Subject(string Name, string Digest);

    private sealed record Resource(string Name, string Digest);

    private sealed record Predicate(IReadOnlyList<Resource> Resources, IReadOnlyList<string> IgnorePaths);
}
