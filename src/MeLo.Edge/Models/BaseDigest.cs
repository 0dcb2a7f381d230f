using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MeLo.Edge.Models;

/// <summary>
/// The base digest: SHA-256 over the canonical fp32 weights, the same whatever a checkpoint called or stored them.
/// For each weight, in byte order of the canonical names, it covers: the name's length in bytes (uint32), the name (UTF-8), the
/// number of dimensions (uint32), each dimension (uint64), and the row-major binary32 data. All numbers are little-endian.
/// </summary>
internal sealed class BaseDigest : IDisposable
{
    public const string Prefix = "sha256:";

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private string _last = "";
    private long _outstanding;

    /// <summary>Begins a weight; its data follows by <see cref="Append"/>.</summary>
    public void Begin(CanonicalWeight weight)
    {
        if (_outstanding != 0) throw new InvalidOperationException($"'{_last}' lacks {_outstanding} bytes of its data.");
        if (string.CompareOrdinal(_last, weight.Name) >= 0) throw new InvalidOperationException($"'{weight.Name}' comes after '{_last}', expected byte order.");
        byte[] name = Encoding.UTF8.GetBytes(weight.Name);
        Append32(name.Length);
        _hash.AppendData(name);
        Append32(weight.Shape.Count);
        Span<byte> dimension = stackalloc byte[sizeof(long)];
        foreach (long size in weight.Shape)
        {
            BinaryPrimitives.WriteInt64LittleEndian(dimension, size);
            _hash.AppendData(dimension);
        }
        _last = weight.Name;
        _outstanding = weight.ElementCount * sizeof(float);
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        _outstanding -= data.Length;
        if (_outstanding < 0) throw new InvalidOperationException($"'{_last}' has {-_outstanding} bytes too many.");
        _hash.AppendData(data);
    }

    /// <summary>The digest as files write it: <c>sha256:</c> and 64 hexadecimal digits.</summary>
    public string Finish()
    {
        if (_outstanding != 0) throw new InvalidOperationException($"'{_last}' lacks {_outstanding} bytes of its data.");
        return Prefix + Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose() => _hash.Dispose();

    private void Append32(int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _hash.AppendData(bytes);
    }
}
