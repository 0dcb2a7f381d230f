namespace MeLo.Edge.Native.Vips;

/// <summary>Decoded rows in memory of the library, packed; freed on <see cref="Dispose"/>.</summary>
internal unsafe ref struct VipsRows(byte* data, int length)
{
    public readonly ReadOnlySpan<byte> Bytes => new(data, length);

    public void Dispose()
    {
        if (data != null) VipsLibrary.Api.g_free(data);
        data = null;
    }
}
