using System.Formats.Asn1;
using System.Security.Cryptography;

namespace MeLo.Edge.Bundles;

/// <summary>The elliptic curves that OpenSSF Model Signing requires (its algorithm registry); each is used with a hash of its own strength.</summary>
public enum SigningCurve
{
    /// <summary>NIST P-256 (secp256r1), with SHA-256.</summary>
    P256,
    /// <summary>NIST P-384 (secp384r1), with SHA-384.</summary>
    P384,
    /// <summary>NIST P-521 (secp521r1), with SHA-512.</summary>
    P521,
}

/// <summary>Facts about <see cref="SigningCurve"/> values.</summary>
internal static class SigningCurves
{
    private const string EcPublicKey = "1.2.840.10045.2.1";

    public static ECCurve Curve(this SigningCurve curve) => curve switch
    {
        SigningCurve.P256 => ECCurve.NamedCurves.nistP256,
        SigningCurve.P384 => ECCurve.NamedCurves.nistP384,
        SigningCurve.P521 => ECCurve.NamedCurves.nistP521,
        _ => throw new ArgumentOutOfRangeException(nameof(curve), curve, "Not a curve of OpenSSF Model Signing."),
    };

    public static HashAlgorithmName Hash(this SigningCurve curve) => curve switch
    {
        SigningCurve.P256 => HashAlgorithmName.SHA256,
        SigningCurve.P384 => HashAlgorithmName.SHA384,
        _ => HashAlgorithmName.SHA512,
    };

    /// <summary>
    /// The curve of a key by its SubjectPublicKeyInfo (RFC 5480, section 2.1.1), the same on every platform. Explicit curve
    /// parameters are not named curves, whatever their numbers (RFC 5480 forbids them, and CVE-2020-0601 shows why).
    /// </summary>
    public static bool TryOf(ECDsa key, out SigningCurve curve)
    {
        curve = default;
        try
        {
            AsnReader algorithm = new AsnReader(key.ExportSubjectPublicKeyInfo(), AsnEncodingRules.DER).ReadSequence().ReadSequence();
            if (algorithm.ReadObjectIdentifier() != EcPublicKey) return false;
            if (!algorithm.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier)) return false;
            SigningCurve? found = algorithm.ReadObjectIdentifier() switch
            {
                "1.2.840.10045.3.1.7" => SigningCurve.P256,
                "1.3.132.0.34" => SigningCurve.P384,
                "1.3.132.0.35" => SigningCurve.P521,
                _ => null,
            };
            curve = found ?? default;
            return found is not null;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return false;
        }
    }
}
