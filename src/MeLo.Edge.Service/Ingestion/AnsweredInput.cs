using System.Security.Cryptography;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>The input that a result is delivered for: read when something asks for it, and once.</summary>
/// <param name="path">Where it is.</param>
/// <param name="digest">The SHA-256 of what was answered.</param>
/// <param name="limit">The most bytes it may have.</param>
internal sealed class AnsweredInput(string path, string digest, long limit)
{
    private bool _isRead;
    private byte[]? _bytes;

    /// <summary>Its bytes; null where it is no longer there as it was: taken away, or written to again.</summary>
    /// <exception cref="IOException">It cannot be read now.</exception>
    public byte[]? Bytes
    {
        get
        {
            if (_isRead) return _bytes;
            try
            {
                _bytes = RegularFile.Read(path, limit, out _) is { } bytes && Convert.ToHexStringLower(SHA256.HashData(bytes)) == digest ? bytes : null;
            }
            catch (Exception e) when (e is FileNotFoundException or FileChangedException)
            {
                // What is there by then has a result of its own.
            }
            _isRead = true;
            return _bytes;
        }
    }
}
