namespace MeLo.Edge.Bundles;

/// <summary>How a signer is known.</summary>
public enum SigningMethod
{
    /// <summary>By a public key in the trust folder.</summary>
    Key,
    /// <summary>By a certificate issued under a CA in the trust folder.</summary>
    Certificate,
}

/// <summary>Who signed, as established by a verification that succeeded.</summary>
/// <param name="Method">How the signer is known.</param>
/// <param name="Signer">The trust folder's file in key mode, the certificate's subject in certificate mode.</param>
/// <param name="KeyHint">Hex SHA-256 of the signing key's PEM text.</param>
/// <param name="Curve">The key's curve.</param>
public sealed record BundleSignature(SigningMethod Method, string Signer, string KeyHint, SigningCurve Curve);
