using System.Buffers.Binary;
using System.IO.Compression;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// NumPy's <c>.npz</c>: a ZIP file of arrays, stored or deflated. The container is .NET's <see cref="ZipArchive"/>; it does not compare checksums, so that happens here, and it believes the lengths
/// that the container states, so memory is taken as bytes arrive, within the caller's limit.
/// </summary>
internal sealed class NpzFile : IDisposable
{
    private const string Uint8 = "|u1 (uint8)";

    private const string Extension = ".npy";

    private readonly ZipArchive _zip;
    private readonly string _source;

    private NpzFile(ZipArchive zip, string source) => (_zip, _source) = (zip, source);

    /// <summary>The arrays' names, without <c>.npy</c>.</summary>
    public IReadOnlySet<string> Names { get; private init; } = new HashSet<string>();

    /// <summary>Opens a file.</summary>
    /// <exception cref="DatasetException">It is not one, or holds a name twice.</exception>
    public static NpzFile Open(string path, string source)
    {
        ZipArchive? zip = null;
        try
        {
            zip = ZipFile.OpenRead(path);
            HashSet<string> names = new(StringComparer.Ordinal);
            foreach (ZipArchiveEntry entry in zip.Entries.Where(e => e.FullName.EndsWith(Extension, StringComparison.Ordinal)))
                if (!names.Add(entry.FullName[..^Extension.Length])) throw DatasetException.Of(source, $"found '{PrintableText.Of(entry.FullName)}' twice, expected each array once");
            NpzFile file = new(zip, source) { Names = names };
            zip = null;
            return file;
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(source, $"is no .npz file: {e.Message}", e);
        }
        finally
        {
            zip?.Dispose();
        }
    }

    /// <summary>The notice that lies with the arrays, in one line; null where there is none.</summary>
    /// <exception cref="DatasetException">It is broken.</exception>
    public string? Notice()
    {
        if (_zip.GetEntry(DatasetNotice.FileName) is not { } entry) return null;
        try
        {
            using Stream stream = entry.Open();
            return DatasetNotice.Read(stream);
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(Place(DatasetNotice.FileName), $"is broken: {e.Message}", e);
        }
    }

    /// <summary>The type and shape of an array.</summary>
    /// <exception cref="DatasetException">There is none, or it cannot be read.</exception>
    public NpyHeader Header(string name) => Read(name, (header, _) => header);

    /// <summary>An array of bytes, row by row: [rows] arrays of the other dimensions' product.</summary>
    /// <param name="name">The array's name.</param>
    /// <param name="maxBytes">The most bytes it may have.</param>
    /// <exception cref="DatasetException">It is not one of <c>uint8</c>, has more bytes, or is broken.</exception>
    public byte[][] Bytes(string name, long maxBytes) => Read(name, (header, bytes) =>
    {
        if (header.Type != "|u1") throw DatasetException.Of(Place(name), $"found elements of type {PrintableText.Of(header.Type)}, expected {Uint8}");
        CheckLength(name, header, maxBytes);
        long length = header.Elements / header.Shape[0];
        if (length > Array.MaxLength) throw DatasetException.Of(Place(name), $"found {length} bytes a row, expected at most {Array.MaxLength}");
        byte[][] rows = new byte[header.Shape[0]][];
        for (int i = 0; i < rows.Length; i++) bytes.Fill(rows[i] = new byte[length]);
        return rows;
    });

    /// <summary>An array of whole numbers, flat.</summary>
    /// <param name="name">The array's name.</param>
    /// <param name="maxBytes">The most bytes it may have; at most what an array holds.</param>
    /// <exception cref="DatasetException">It has other elements or more bytes, or is broken.</exception>
    public long[] Integers(string name, int maxBytes) => Read(name, (header, bytes) =>
    {
        CheckLength(name, header, maxBytes);
        byte[] file = new byte[header.Elements * header.ElementSize];
        bytes.Fill(file);
        long[] values = new long[header.Elements];
        for (int i = 0; i < values.Length; i++) values[i] = Integer(header.Type, file.AsSpan(i * header.ElementSize));
        return values;
    });

    public void Dispose() => _zip.Dispose();

    private T Read<T>(string name, Func<NpyHeader, NpyBytes, T> read)
    {
        string place = Place(name);
        ZipArchiveEntry entry = _zip.GetEntry(name + Extension)
            ?? throw DatasetException.Of(_source, $"found {(Names.Any() ? $"the arrays {string.Join(", ", Names.Order(StringComparer.Ordinal).Select(PrintableText.Of))}" : "no array")}, expected {name}");
        try
        {
            using Stream stream = entry.Open();
            NpyBytes bytes = new(stream, place);
            NpyHeader header = NpyHeader.Read(bytes.Fill);
            if (header.IsFortran) throw DatasetException.Of(place, "found an array in Fortran's order, expected C's: numpy.ascontiguousarray makes it so");
            if (header.ElementSize == 0 || header.IsReal) throw DatasetException.Of(place, $"found elements of type {PrintableText.Of(header.Type)}, expected {(name.EndsWith("_images", StringComparison.Ordinal) ? Uint8 : "whole numbers, little-endian")}");
            if (header.Shape.Count == 0 || header.Elements == 0) throw DatasetException.Of(place, $"found an array of shape {header.ShapeText}, expected some elements");
            Int128 expected = header.Bytes + ((Int128)header.Elements * header.ElementSize);
            if (entry.Length != expected) throw DatasetException.Of(place, $"found {entry.Length} bytes, expected {expected} for {header.Type} {header.ShapeText}");
            T value = read(header, bytes);
            if (value is not NpyHeader) bytes.End(entry.Crc32);
            return value;
        }
        catch (ImageException e)
        {
            throw DatasetException.Of(place, e.Message, e);
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(place, $"is broken: {e.Message}", e);
        }
    }

    private void CheckLength(string name, NpyHeader header, long maxBytes)
    {
        // Not above the container's length, which is one number of 63 bits.
        long length = header.Elements * header.ElementSize;
        if (length > maxBytes) throw DatasetException.Of(Place(name), $"found {length} bytes, expected at most {maxBytes}");
    }

    private string Place(string name) => $"{_source}: {name}";

    private static bool IsOfTheFile(Exception e) => e is InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException;

    private static long Integer(string type, ReadOnlySpan<byte> at) => type switch
    {
        "|i1" => (sbyte)at[0],
        "|u1" or "|b1" => at[0],
        "<u2" => BinaryPrimitives.ReadUInt16LittleEndian(at),
        "<i2" => BinaryPrimitives.ReadInt16LittleEndian(at),
        "<u4" => BinaryPrimitives.ReadUInt32LittleEndian(at),
        "<i4" => BinaryPrimitives.ReadInt32LittleEndian(at),
        // What is beyond 2^63 comes out below 0, where no label is either.
        _ => BinaryPrimitives.ReadInt64LittleEndian(at),
    };
}
