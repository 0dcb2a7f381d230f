using System.Text.Encodings.Web;
using System.Text.Json;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The outside of a model signature: a Sigstore bundle (protobuf-specs, sigstore_bundle.proto, JSON form, v0.3) around a DSSE
/// envelope. Nothing in it is trusted before the signature over the envelope's payload is checked.
/// </summary>
internal sealed record SigstoreBundle
{
    public const string MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    public const string PayloadType = "application/vnd.in-toto+json";

    /// <summary>The key that signed, in key mode; null in certificate mode.</summary>
    public string? KeyHint { get; private init; }

    /// <summary>The chain in DER, leaf first, in certificate mode; empty in key mode.</summary>
    public IReadOnlyList<byte[]> Certificates { get; private init; } = [];

    /// <summary>The in-toto statement.</summary>
    public byte[] Payload { get; private init; } = [];

    /// <summary>The signature over the encoding of the payload, ASN.1 DER.</summary>
    public byte[] Signature { get; private init; } = [];

    public static SigstoreBundle WithKey(string hint, byte[] payload, byte[] signature) =>
        new() { KeyHint = hint, Payload = payload, Signature = signature };

    public static SigstoreBundle WithCertificates(IReadOnlyList<byte[]> certificates, byte[] payload, byte[] signature) =>
        new() { Certificates = certificates, Payload = payload, Signature = signature };

    /// <summary>The file: no white space, members in this order, standard base64 with padding, so that equal content gives equal bytes.</summary>
    public byte[] ToBytes()
    {
        using MemoryStream buffer = new();
        // Base64 has "+", which needs no escape in a file that is not HTML.
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("mediaType", MediaType);
            json.WriteStartObject("verificationMaterial");
            if (KeyHint is not null)
            {
                json.WriteStartObject("publicKey");
                json.WriteString("hint", KeyHint);
                json.WriteEndObject();
            }
            else
            {
                json.WriteStartObject("x509CertificateChain");
                json.WriteStartArray("certificates");
                foreach (byte[] certificate in Certificates)
                {
                    json.WriteStartObject();
                    json.WriteBase64String("rawBytes", certificate);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteStartArray("tlogEntries");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject("dsseEnvelope");
            json.WriteBase64String("payload", Payload);
            json.WriteString("payloadType", PayloadType);
            json.WriteStartArray("signatures");
            json.WriteStartObject();
            json.WriteBase64String("sig", Signature);
            json.WriteString("keyid", string.Empty);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    /// <summary>Reads a signature file.</summary>
    /// <exception cref="BundleException">It is not one, or of a method that this library does not accept.</exception>
    public static SigstoreBundle Read(ReadOnlyMemory<byte> file, string source)
    {
        StrictJson json = new();
        SigstoreBundle? bundle = json.Read(file, ReadBundle);
        if (json.Faults.Count > 0 || bundle is null) throw BundleException.InvalidSignature(source, json.Summary);
        return bundle;
    }

    private static SigstoreBundle ReadBundle(StrictObject bundle)
    {
        bundle.Choice("mediaType", (MediaType, true));
        SigstoreBundle? material = bundle.Object("verificationMaterial", ReadMaterial);
        SigstoreBundle? envelope = bundle.Object("dsseEnvelope", ReadEnvelope);
        return (material ?? new SigstoreBundle()) with { Payload = envelope?.Payload ?? [], Signature = envelope?.Signature ?? [] };
    }

    private static SigstoreBundle ReadMaterial(StrictObject material)
    {
        // A transparency log and timestamps belong to keyless signing, which needs a network; without entries they say nothing.
        if (material.Has("tlogEntries") && material.Count("tlogEntries") != 0)
            material.Fault("tlogEntries", "expected none: signatures of a transparency log are not accepted");
        bool key = material.Has("publicKey");
        bool chain = material.Has("x509CertificateChain");
        if (material.Has("certificate"))
        {
            material.Ignore("certificate");
            material.Fault("certificate", "keyless signatures are not accepted, expected publicKey or x509CertificateChain");
        }
        else if (key == chain)
        {
            material.Fault("publicKey", key ? "found together with x509CertificateChain, expected one of them" : "is missing, and so is x509CertificateChain");
        }
        return new SigstoreBundle
        {
            KeyHint = key ? material.Object("publicKey", ReadKeyHint) : null,
            Certificates = chain ? material.Object("x509CertificateChain", ReadChain) ?? [] : [],
        };
    }

    private static string ReadKeyHint(StrictObject key)
    {
        key.Ignore("keyDetails");
        // Signers before v1.1 put the key itself, as PEM text, where newer ones put its hash (section 11.1).
        if (!key.Has("hint") && key.Has("rawBytes")) return PublicKey.HintOf(Bytes(key, "rawBytes"));
        key.Ignore("rawBytes");
        return key.Text("hint");
    }

    private static IReadOnlyList<byte[]> ReadChain(StrictObject chain)
    {
        IReadOnlyList<byte[]> certificates = chain.Objects("certificates", c => Bytes(c, "rawBytes"));
        if (certificates.Count == 0) chain.Fault("certificates", "found none, expected at least one");
        return certificates;
    }

    private static SigstoreBundle ReadEnvelope(StrictObject envelope)
    {
        envelope.Choice("payloadType", (PayloadType, true));
        byte[] payload = Bytes(envelope, "payload");
        IReadOnlyList<byte[]> signatures = envelope.Objects("signatures", ReadSignature);
        if (signatures.Count != 1) envelope.Fault("signatures", $"found {signatures.Count}, expected 1");
        return new SigstoreBundle { Payload = payload, Signature = signatures.Count > 0 ? signatures[0] : [] };
    }

    private static byte[] ReadSignature(StrictObject signature)
    {
        if (signature.Has("keyid") && !string.IsNullOrEmpty(signature.TextOrNull("keyid")))
            signature.Fault("keyid", "expected it missing, empty or null: the key is named by verificationMaterial");
        return Bytes(signature, "sig");
    }

    private static byte[] Bytes(StrictObject container, string name)
    {
        bool present = container.Has(name);
        string text = container.Text(name);
        if (Base64Text.TryDecode(text, out byte[] bytes) && bytes.Length > 0) return bytes;
        if (present) container.Fault(name, "expected base64 of at least one byte");
        return [];
    }
}
