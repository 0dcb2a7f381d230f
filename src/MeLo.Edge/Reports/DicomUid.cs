using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace MeLo.Edge.Reports;

/// <summary>Unique identifiers that follow from what they name: made again after a crash they are the same.</summary>
internal static class DicomUid
{
    /// <summary>A UID under the root for UUIDs (PS3.5, annex B.2), of a UUID made of a digest (RFC 9562, version 8).</summary>
    public static string Of(params ReadOnlySpan<string> about) => "2.25." + new BigInteger(Digest(about), isUnsigned: true, isBigEndian: true);

    /// <summary>A UUID made likewise, as the URN that it is in FHIR (RFC 9562, section 4).</summary>
    public static string Urn(params ReadOnlySpan<string> about) => $"urn:uuid:{new Guid(Digest(about), bigEndian: true):D}";

    private static byte[] Digest(ReadOnlySpan<string> about)
    {
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes("melo-edge\0" + string.Join('\0', about)))[..16];
        digest[6] = (byte)(0x80 | (digest[6] & 0x0F));
        digest[8] = (byte)(0x80 | (digest[8] & 0x3F));
        return digest;
    }
}
