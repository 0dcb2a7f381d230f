namespace MeLo.Edge.Tools;

/// <summary>A kind of file that a command writes, and may therefore replace.</summary>
internal sealed class FileKind
{
    /// <summary>As many bytes tell.</summary>
    public const int StartLength = 16;

    private readonly Start _isStart;

    private FileKind(string name, Start isStart) => (Name, _isStart) = (name, isStart);

    private delegate bool Start(ReadOnlySpan<byte> bytes);

    /// <summary>A signed bundle, <c>.melo</c>: a ZIP file without anything before its first record.</summary>
    public static FileKind Bundle { get; } = new("bundle", start => start.StartsWith("PK\x03\x04"u8));

    /// <summary>Tensors: the length of a JSON object, and then that.</summary>
    public static FileKind Safetensors { get; } = new("safetensors file", start => start.Length > 8 && start[8] == '{' && start[7] == 0);

    /// <summary>A report.</summary>
    public static FileKind Html { get; } = new("report", start => start.StartsWith("<!DOCTYPE html"u8) || start.StartsWith("<!doctype html"u8));

    /// <summary>A JSON object.</summary>
    public static FileKind Json { get; } = new("JSON object", start => start.StartsWith("{"u8));

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Whether a file that starts so is one.</summary>
    /// <param name="start">The first <see cref="StartLength"/> bytes, or all where there are fewer.</param>
    public bool IsStart(ReadOnlySpan<byte> start) => _isStart(start);
}
