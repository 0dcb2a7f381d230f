using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>
/// What precedes an array's bytes in a <c>.npy</c> file: its type and shape (NumPy's <c>numpy.lib.format</c>, versions 1.0 to 3.0). Arrays of Python objects, which are pickles that can do anything when
/// they are read, have no type here and are refused.
/// </summary>
/// <param name="Type">The type of an element as NumPy writes it, such as <c>|u1</c> or <c>&lt;i8</c>.</param>
/// <param name="IsFortran">Whether the first index changes fastest instead of the last.</param>
/// <param name="Shape">The dimensions, each from 0.</param>
/// <param name="Bytes">The header's own length.</param>
internal sealed record NpyHeader(string Type, bool IsFortran, IReadOnlyList<int> Shape, int Bytes)
{
    /// <summary>The format asks for what fits a line; real headers have about 120.</summary>
    private const int MaxBytes = 4096;

    private const int MaxDimensions = 8;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>The number of elements, as far as it fits.</summary>
    public long Elements => Shape.Aggregate(1L, (product, size) => (long)Int128.Min((Int128)product * size, long.MaxValue));

    /// <summary>Bytes an element; 0 for a type that cannot be read here.</summary>
    public int ElementSize => Type switch
    {
        "|u1" or "|i1" or "|b1" => 1,
        "<u2" or "<i2" => 2,
        "<u4" or "<i4" => 4,
        "<u8" or "<i8" => 8,
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        _ => 0,
    };

    /// <summary>Whether the elements are floating-point numbers.</summary>
    public bool IsReal => Type.StartsWith("<f", StringComparison.Ordinal);

    /// <summary>The shape in words.</summary>
    public string ShapeText => $"[{string.Join(',', Shape)}]";

    /// <summary>Fills a span with the next bytes of a file, or throws.</summary>
    public delegate void Filler(Span<byte> bytes);

    /// <summary>Whether a file is meant to be an array.</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) => file.StartsWith(Magic);

    /// <summary>Reads a header; what comes next are the elements.</summary>
    /// <param name="fill">Gives the file's bytes.</param>
    /// <exception cref="ImageException">It is not one, or of an array that cannot be read here.</exception>
    public static NpyHeader Read(Filler fill)
    {
        Span<byte> start = stackalloc byte[12];
        fill(start[..10]);
        if (!start.StartsWith(Magic)) throw Broken($"found a beginning of {Convert.ToHexStringLower(start[..Magic.Length])}, expected an array of NumPy (.npy)");
        int version = start[6], prefix = version == 1 ? 10 : 12;
        if (version is < 1 or > 3) throw Broken($"found version {version} of the .npy format, expected 1 to 3");
        fill(start[10..prefix]);
        uint length = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (length > MaxBytes) throw Broken($"found a header of {length} bytes, expected at most {MaxBytes}");
        byte[] text = new byte[length];
        fill(text);
        return Parse(Encoding.Latin1.GetString(text)) with { Bytes = prefix + (int)length };
    }

    // A dictionary as Python writes it: {'descr': '|u1', 'fortran_order': False, 'shape': (3, 28, 28), }
    private static NpyHeader Parse(string text)
    {
        Literal literal = new(text);
        string? type = null;
        bool? isFortran = null;
        int[]? shape = null;
        literal.Expect('{');
        while (!literal.Take('}'))
        {
            string key = literal.String();
            literal.Expect(':');
            switch (key)
            {
                case "descr" when type is null:
                    type = literal.String();
                    break;
                case "fortran_order" when isFortran is null:
                    isFortran = literal.Boolean();
                    break;
                case "shape" when shape is null:
                    shape = literal.Shape();
                    break;
                default:
                    throw Broken($"found '{key}' in the header, expected descr, fortran_order and shape once each");
            }
            if (literal.Take(',')) continue;
            literal.Expect('}');
            break;
        }
        literal.End();
        if (type is null || isFortran is null || shape is null) throw Broken("found a header without descr, fortran_order or shape");
        return new NpyHeader(type, isFortran.Value && shape.Length > 1, shape, 0);
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Npy, fault);

    private ref struct Literal(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text;

        public bool Take(char c)
        {
            _rest = _rest.TrimStart(' ');
            if (_rest.IsEmpty || _rest[0] != c) return false;
            _rest = _rest[1..];
            return true;
        }

        public void Expect(char c)
        {
            if (!Take(c)) throw Fault($"'{c}'");
        }

        public string String()
        {
            Expect('\'');
            int end = _rest.IndexOf('\'');
            if (end < 0) throw Fault("the string's end");
            string value = _rest[..end].ToString();
            _rest = _rest[(end + 1)..];
            return value;
        }

        public bool Boolean()
        {
            _rest = _rest.TrimStart(' ');
            bool isTrue = _rest.StartsWith("True", StringComparison.Ordinal);
            if (!isTrue && !_rest.StartsWith("False", StringComparison.Ordinal)) throw Fault("True or False");
            _rest = _rest[(isTrue ? 4 : 5)..];
            return isTrue;
        }

        public int[] Shape()
        {
            List<int> shape = [];
            Expect('(');
            while (!Take(')'))
            {
                _rest = _rest.TrimStart(' ');
                int digits = 0;
                while (digits < _rest.Length && char.IsAsciiDigit(_rest[digits])) digits++;
                if (!int.TryParse(_rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out int size) || shape.Count == MaxDimensions)
                    throw Fault($"at most {MaxDimensions} dimensions below 2^31");
                shape.Add(size);
                _rest = _rest[digits..];
                if (Take(',')) continue;
                Expect(')');
                break;
            }
            return [.. shape];
        }

        public readonly void End()
        {
            if (!_rest.Trim(" \n").IsEmpty) throw Fault("the header's end");
        }

        private readonly ImageException Fault(string expected) =>
            Broken($"found a header that goes on with '{PrintableText.Of(_rest[..Math.Min(_rest.Length, 16)].ToString())}', expected {expected}");
    }
}
