using System.IO.MemoryMappedFiles;
using System.Buffers.Binary;

namespace MeLo.Edge.Tensors;

/// <summary>
/// A safetensors file, memory-mapped or in memory: an 8-byte header length, a JSON header, and the tensors' bytes.
/// The header is checked in full before any tensor can be reached. Format: huggingface/safetensors, "Format" section.
/// </summary>
/// <remarks>Safe for concurrent reads. Views must not be used after <see cref="Dispose"/>.</remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly Dictionary<string, TensorView> _tensors;
    private readonly long _length;
    private MemoryMappedFile? _map;
    private MemoryMappedViewAccessor? _view;
    private System.Buffers.MemoryHandle _pin;
    private byte* _start;

    private SafetensorsFile(string source, long length)
    {
        Source = source;
        _length = length;
        _tensors = new Dictionary<string, TensorView>(StringComparer.Ordinal);
        Metadata = new Dictionary<string, string>();
    }

    /// <summary>Where the bytes came from, as error messages name it.</summary>
    public string Source { get; }

    /// <summary>The header's <c>__metadata__</c> strings; empty when it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; private set; }

    /// <summary>The tensors by name, in the order of the header.</summary>
    public IReadOnlyDictionary<string, TensorView> Tensors => _tensors;

    /// <summary>Maps a file into memory and checks its header.</summary>
    /// <exception cref="SafetensorsException">The file is not a well-formed safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static SafetensorsFile Open(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        SafetensorsFile file = new(Path.GetFileName(path), stream.Length);
        if (stream.Length < SafetensorsHeader.PrefixLength)
            throw SafetensorsException.File(file.Source, $"found a file of {stream.Length} bytes, expected at least the 8-byte header length");
        try
        {
            file._map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            file._view = file._map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            file._view.SafeMemoryMappedViewHandle.AcquirePointer(ref file._start);
            file.ReadHeader();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a safetensors file that is already in memory, without copying it.</summary>
    /// <param name="bytes">The whole file; it must not change while this object lives.</param>
    /// <param name="source">What to call it in error messages.</param>
    /// <exception cref="SafetensorsException">The bytes are not a well-formed safetensors file.</exception>
    public static SafetensorsFile Parse(ReadOnlyMemory<byte> bytes, string source)
    {
        SafetensorsFile file = new(source, bytes.Length);
        if (bytes.Length < SafetensorsHeader.PrefixLength)
            throw SafetensorsException.File(source, $"found {bytes.Length} bytes, expected at least the 8-byte header length");
        file._pin = bytes.Pin();
        file._start = (byte*)file._pin.Pointer;
        try
        {
            file.ReadHeader();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="SafetensorsException">There is none.</exception>
    public TensorView this[string name] => _tensors.TryGetValue(name, out TensorView? tensor)
        ? tensor
        : throw SafetensorsException.Tensor(Source, name, "is missing");

    /// <summary>Closes the file; every view of it becomes unusable.</summary>
    public void Dispose()
    {
        if (_view is not null && _start != null) _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _start = null;
        _view?.Dispose();
        _map?.Dispose();
        _pin.Dispose();
    }

    internal ReadOnlySpan<byte> Slice(TensorView tensor)
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        if (tensor.ByteLength > int.MaxValue)
            throw SafetensorsException.Tensor(Source, tensor.Name, $"found {tensor.ByteLength} bytes, expected at most {int.MaxValue}");
        return new ReadOnlySpan<byte>(_start + tensor.Offset, (int)tensor.ByteLength);
    }

    private void ReadHeader()
    {
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_start, SafetensorsHeader.PrefixLength));
        long available = _length - SafetensorsHeader.PrefixLength;
        if (headerLength > (ulong)Math.Min(available, SafetensorsHeader.MaxLength))
            throw SafetensorsException.File(Source, $"found a header length of {headerLength} bytes, expected at most {Math.Min(available, SafetensorsHeader.MaxLength)}");
        int length = (int)headerLength;
        SafetensorsHeader header = SafetensorsHeader.Parse(
            new ReadOnlySpan<byte>(_start + SafetensorsHeader.PrefixLength, length), available - length, Source);
        Metadata = header.Metadata;
        long dataStart = SafetensorsHeader.PrefixLength + length;
        foreach (SafetensorsHeader.Entry entry in header.Entries)
            _tensors.Add(entry.Name, new TensorView(this, entry.Name, entry.Type, entry.Shape, dataStart + entry.Begin, entry.End - entry.Begin));
    }
}
