using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Native.Cng;

namespace MeLo.Edge.Bundles;

/// <summary>An elliptic-curve public key that signatures are checked with. Immutable: the key proper is made for each check.</summary>
internal sealed class PublicKey
{
    private readonly byte[] _subjectPublicKeyInfo;

    private PublicKey(ECDsa key, SigningCurve curve)
    {
        _subjectPublicKeyInfo = key.ExportSubjectPublicKeyInfo();
        Curve = curve;
        Hint = HintOf(key);
    }

    public SigningCurve Curve { get; }

    /// <summary>What names the key in a signature: lower-case hex SHA-256 of its PEM text (SubjectPublicKeyInfo, final newline included).</summary>
    public string Hint { get; }

    /// <summary>The key, or null when its curve is not one that the standard names.</summary>
    public static PublicKey? TryOf(ECDsa key) => SigningCurves.TryOf(key, out SigningCurve curve) ? new PublicKey(key, curve) : null;

    public static string HintOf(ECDsa key) => HintOf(Encoding.ASCII.GetBytes(PemOf(key)));

    /// <summary>The hint of a key given as the bytes of that PEM text.</summary>
    public static string HintOf(ReadOnlySpan<byte> pem) => Convert.ToHexStringLower(SHA256.HashData(pem));

    /// <summary>The PEM text as OpenSSL writes it, final newline included.</summary>
    public static string PemOf(ECDsa key) => key.ExportSubjectPublicKeyInfoPem() + "\n";

    /// <summary>Checks an ASN.1 DER signature with the curve's hash.</summary>
    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        using ECDsa key = EcdsaKeys.Create();
        key.ImportSubjectPublicKeyInfo(_subjectPublicKeyInfo, out _);
        return key.VerifyData(data, signature, Curve.Hash(), DSASignatureFormat.Rfc3279DerSequence);
    }
}
