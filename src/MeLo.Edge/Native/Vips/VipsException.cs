namespace MeLo.Edge.Native.Vips;

/// <summary>libvips refused something, or is missing or too old; the message is its own text.</summary>
internal sealed class VipsException : MeLoException
{
    private VipsException(string message, bool isLibraryFault, Exception? inner)
        : base(message, inner) => IsLibraryFault = isLibraryFault;

    /// <summary>Whether the library itself is at fault (missing, too old), not what it was given.</summary>
    public bool IsLibraryFault { get; }

    internal static VipsException Library(string fault, Exception? inner = null) => new(fault, isLibraryFault: true, inner);

    internal static VipsException Operation(string name, string errors) => new(errors.Length > 0 ? errors : $"{name} was refused by the library, without a reason", isLibraryFault: false, null);
}
