using System.Globalization;

namespace MeLo.Edge.Onnx;

/// <summary>One dimension of a graph value: a number, or a name for a size that is only known when the graph runs (<c>batch</c>).</summary>
internal readonly record struct Dimension
{
    private readonly long _size;

    private Dimension(long size, string? name)
    {
        _size = size;
        Name = name;
    }

    /// <summary>The symbolic name; null for a known size.</summary>
    public string? Name { get; }

    public bool IsSymbolic => Name is not null;

    /// <summary>The known size.</summary>
    /// <exception cref="InvalidOperationException">The dimension is symbolic.</exception>
    public long Size => Name is null ? _size : throw new InvalidOperationException($"The dimension '{Name}' has no size before the graph runs.");

    public static implicit operator Dimension(long size) =>
        size >= 0 ? new(size, null) : throw new ArgumentOutOfRangeException(nameof(size), size, "A dimension is not negative.");

    public static implicit operator Dimension(string name) => new(0, name);

    public override string ToString() => Name ?? _size.ToString(CultureInfo.InvariantCulture);

    /// <summary>A shape as messages write it: <c>[batch,197,768]</c>.</summary>
    public static string Text(IEnumerable<Dimension> shape) => $"[{string.Join(',', shape)}]";
}
