namespace MeLo.Edge.Bundles;

/// <summary>Why a bundle, a key or a trust folder was refused: for programs; people read the exception's message.</summary>
public enum BundleRefusal
{
    /// <summary>The container is not exactly what the format defines: an entry, a record or a field that does not belong.</summary>
    Malformed,

    /// <summary>There is no <c>model.sig</c>.</summary>
    NotSigned,

    /// <summary><c>model.sig</c> is not an OpenSSF Model Signing v1.0 signature, or not over these entries.</summary>
    InvalidSignature,

    /// <summary>Nobody in the trust folder vouches for the signature: an unknown key, or a certificate without a valid chain.</summary>
    Untrusted,

    /// <summary>The bytes are not those that were signed or recorded: damaged, or changed on purpose.</summary>
    Tampered,

    /// <summary><c>adapter.json</c> is not a description of the format's version.</summary>
    InvalidDescription,

    /// <summary><c>adapter.safetensors</c> does not hold the adapter that <c>adapter.json</c> describes.</summary>
    InvalidAdapter,

    /// <summary><c>probe.safetensors</c> does not hold a self-test for the described task.</summary>
    InvalidProbe,

    /// <summary><c>preview.png</c> is not a PNG file.</summary>
    InvalidPreview,

    /// <summary>A signing key, a trusted key or a certificate file cannot be used.</summary>
    InvalidKey,
}
