namespace MeLo.Edge.Bundles;

/// <summary>A bundle, a signature, a key or a trust folder was refused. The message says what was found, what was expected and where.</summary>
public sealed class BundleException : MeLoException
{
    private BundleException(BundleRefusal refusal, string message, Exception? inner)
        : base(message, inner) => Refusal = refusal;

    /// <summary>The kind of refusal.</summary>
    public BundleRefusal Refusal { get; }

    internal static BundleException Malformed(string source, string fault) => Of(BundleRefusal.Malformed, source, fault);

    internal static BundleException NotSigned(string source) =>
        Of(BundleRefusal.NotSigned, source, $"found no {BundleEntry.SignatureName}, expected a signed bundle");

    internal static BundleException InvalidSignature(string source, string fault, Exception? inner = null) =>
        Of(BundleRefusal.InvalidSignature, source, fault, inner);

    internal static BundleException Untrusted(string source, string fault, Exception? inner = null) =>
        Of(BundleRefusal.Untrusted, source, fault, inner);

    internal static BundleException Tampered(string source, string fault) => Of(BundleRefusal.Tampered, source, fault);

    internal static BundleException InvalidKey(string source, string fault, Exception? inner = null) =>
        Of(BundleRefusal.InvalidKey, source, fault, inner);

    internal static BundleException Of(BundleRefusal refusal, string source, string fault, Exception? inner = null) =>
        new(refusal, PrintableText.OneLine($"{source}: {fault}"), inner);
}
