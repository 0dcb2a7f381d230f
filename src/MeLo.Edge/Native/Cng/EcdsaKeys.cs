using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace MeLo.Edge.Native.Cng;

/// <summary>Makes ECDSA objects: .NET's own, and <see cref="BCryptEcdsa"/> on a Windows whose key storage layer lacks elliptic curves.</summary>
internal static class EcdsaKeys
{
    private const int NotSupported = unchecked((int)0x80090029); // NTE_NOT_SUPPORTED

    private static readonly Lazy<bool> s_hasKeyStorage = new(() => !OperatingSystem.IsWindows() || HasKeyStorage());

    /// <summary>An object to import a key into.</summary>
    public static ECDsa Create() => OperatingSystem.IsWindows() && !s_hasKeyStorage.Value ? new BCryptEcdsa() : ECDsa.Create();

    /// <summary>A new key.</summary>
    public static ECDsa Create(ECCurve curve) => OperatingSystem.IsWindows() && !s_hasKeyStorage.Value ? new BCryptEcdsa(curve) : ECDsa.Create(curve);

    [SupportedOSPlatform("windows")]
    private static bool HasKeyStorage()
    {
        try
        {
            ECDsa.Create(ECCurve.NamedCurves.nistP256).Dispose();
            return true;
        }
        catch (CryptographicException e) when (e.HResult == NotSupported)
        {
            return false;
        }
    }
}
