using System.Buffers.Binary;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace MeLo.Edge.Native.Cng;

/// <summary>
/// ECDSA over Windows' cryptographic primitives (bcrypt.dll). .NET's own class goes through the key storage layer (ncrypt.dll), which some
/// systems that run Windows programs have for RSA only, Wine 8 among them; the primitives underneath are there.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed unsafe class BCryptEcdsa : ECDsa
{
    private const string PublicBlob = "ECCPUBLICBLOB", PrivateBlob = "ECCPRIVATEBLOB";
    private const uint InvalidSignature = 0xC000A000; // STATUS_INVALID_SIGNATURE
    private const int BlobHeader = 8;                 // BCRYPT_ECCKEY_BLOB: magic, length of a coordinate

    private Curve? _curve;
    private ECParameters _parameters;

    /// <summary>A key to be imported or generated.</summary>
    public BCryptEcdsa()
    {
    }

    /// <summary>A new key.</summary>
    public BCryptEcdsa(ECCurve curve) => GenerateKey(curve);

    private Curve Known => _curve ?? throw new CryptographicException("The key is empty: expected one to be imported or generated first.");

    public override void GenerateKey(ECCurve curve)
    {
        Curve known = Curve.Of(curve);
        byte[] blob = new byte[BlobHeader + (3 * known.Bytes)];
        using Algorithm algorithm = new(known);
        Check(BCrypt.BCryptGenerateKeyPair(algorithm.Handle, out nint key, (uint)known.Bits, 0));
        try
        {
            Check(BCrypt.BCryptFinalizeKeyPair(key, 0));
            fixed (byte* output = blob) Check(BCrypt.BCryptExportKey(key, 0, PrivateBlob, output, (uint)blob.Length, out _, 0));
        }
        finally
        {
            _ = BCrypt.BCryptDestroyKey(key);
        }
        Set(known, new ECParameters { Curve = curve, Q = { X = Coordinate(0), Y = Coordinate(1) }, D = Coordinate(2) });

        byte[] Coordinate(int index) => blob.AsSpan(BlobHeader + (index * known.Bytes), known.Bytes).ToArray();
    }

    public override void ImportParameters(ECParameters parameters)
    {
        parameters.Validate();
        Curve known = Curve.Of(parameters.Curve);
        if (parameters.Q.X is null) throw new CryptographicException("Found a private key without its public point, expected both.");
        Set(known, parameters);
        UseKey(static _ => 0); // has the system check that the point is on the curve
    }

    public override ECParameters ExportParameters(bool includePrivateParameters)
    {
        _ = Known;
        if (includePrivateParameters && _parameters.D is null) throw new CryptographicException("Found a public key, expected a private one.");
        return includePrivateParameters ? _parameters : new ECParameters { Curve = _parameters.Curve, Q = _parameters.Q };
    }

    /// <returns>r and s one after the other, as IEEE P1363 has it; the base class makes other forms of it.</returns>
    public override byte[] SignHash(byte[] hash)
    {
        if (_parameters.D is null) throw new CryptographicException("Found a public key, expected a private one.");
        byte[] signature = new byte[2 * Known.Bytes];
        Check(UseKey(key =>
        {
            fixed (byte* input = hash, output = signature)
                return BCrypt.BCryptSignHash(key, null, input, (uint)hash.Length, output, (uint)signature.Length, out _, 0);
        }));
        return signature;
    }

    public override bool VerifyHash(byte[] hash, byte[] signature)
    {
        if (signature.Length != 2 * Known.Bytes) return false;
        uint status = UseKey(key =>
        {
            fixed (byte* input = hash, against = signature)
                return BCrypt.BCryptVerifySignature(key, null, input, (uint)hash.Length, against, (uint)signature.Length, 0);
        });
        if (status == InvalidSignature) return false;
        Check(status);
        return true;
    }

    protected override byte[] HashData(byte[] data, int offset, int count, HashAlgorithmName hashAlgorithm) =>
        CryptographicOperations.HashData(hashAlgorithm, data.AsSpan(offset, count));

    private void Set(Curve curve, ECParameters parameters)
    {
        _curve = curve;
        _parameters = parameters;
        KeySizeValue = curve.Bits;
    }

    private uint UseKey(Func<nint, uint> use)
    {
        Curve known = Known;
        bool isPrivate = _parameters.D is not null;
        byte[] blob = new byte[BlobHeader + ((isPrivate ? 3 : 2) * known.Bytes)];
        BinaryPrimitives.WriteUInt32LittleEndian(blob, isPrivate ? known.PrivateMagic : known.PublicMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(blob.AsSpan(4), (uint)known.Bytes);
        _parameters.Q.X!.CopyTo(blob, BlobHeader);
        _parameters.Q.Y!.CopyTo(blob, BlobHeader + known.Bytes);
        _parameters.D?.CopyTo(blob, BlobHeader + (2 * known.Bytes));
        using Algorithm algorithm = new(known);
        try
        {
            nint key;
            fixed (byte* input = blob)
                Check(BCrypt.BCryptImportKeyPair(algorithm.Handle, 0, isPrivate ? PrivateBlob : PublicBlob, out key, input, (uint)blob.Length, 0));
            try
            {
                return use(key);
            }
            finally
            {
                _ = BCrypt.BCryptDestroyKey(key);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(blob);
        }
    }

    private static void Check(uint status)
    {
        if (status != 0) throw new CryptographicException(unchecked((int)status));
    }

    /// <summary>A curve by its names, and the numbers that mark its keys (bcrypt.h, BCRYPT_ECDSA_*_MAGIC).</summary>
    private sealed record Curve(string Oid, string Algorithm, int Bits, uint PublicMagic, uint PrivateMagic)
    {
        private static readonly Curve[] s_all =
        [
            new("1.2.840.10045.3.1.7", "ECDSA_P256", 256, 0x31534345, 0x32534345),
            new("1.3.132.0.34", "ECDSA_P384", 384, 0x33534345, 0x34534345),
            new("1.3.132.0.35", "ECDSA_P521", 521, 0x35534345, 0x36534345),
        ];

        public int Bytes => (Bits + 7) / 8;

        public static Curve Of(ECCurve curve) =>
            (curve.IsNamed ? s_all.FirstOrDefault(c => c.Oid == curve.Oid.Value || c.Oid == new Oid(curve.Oid.FriendlyName!).Value) : null)
            ?? throw new CryptographicException("Found another curve, expected P-256, P-384 or P-521, by name.");
    }

    private readonly ref struct Algorithm
    {
        public Algorithm(Curve curve)
        {
            Check(BCrypt.BCryptOpenAlgorithmProvider(out nint handle, curve.Algorithm, null, 0));
            Handle = handle;
        }

        public nint Handle { get; }

        public void Dispose() => _ = BCrypt.BCryptCloseAlgorithmProvider(Handle, 0);
    }
}
