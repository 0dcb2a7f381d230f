using System.IO.Compression;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// A DICOM file (PS3.10): preamble, file meta information and data set. A missing preamble, missing meta information and a transfer syntax that does not tell the truth about the value
/// representations are read over, as other readers do; a preamble that is the beginning of a program is refused (NEMA's advisory on dual-use preambles).
/// </summary>
internal sealed class DicomFile
{
    /// <summary>The bytes before the prefix.</summary>
    internal const int PreambleLength = 128;

    private const ushort MetaGroup = 0x0002;

    // The lowest and highest groups that a data set can begin with in earnest: identification, or what comes right behind it.
    private const ushort FirstGroup = 0x0008, LastFirstGroup = 0x0028;

    private static readonly DicomEncoding s_implicit = new(IsExplicit: false, IsBigEndian: false), s_explicit = new(IsExplicit: true, IsBigEndian: false),
        s_bigEndian = new(IsExplicit: true, IsBigEndian: true);

    private DicomFile(DicomDataSet dataSet, string transferSyntax) => (DataSet, TransferSyntax) = (dataSet, transferSyntax);

    /// <summary>What the file says.</summary>
    public DicomDataSet DataSet { get; }

    /// <summary>The UID of the transfer syntax; where the file does not say, what its beginning looks like.</summary>
    public string TransferSyntax { get; }

    /// <summary>Whether a file is meant to be a DICOM file: by its prefix, or without one by its first element.</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) =>
        HasPrefix(file, PreambleLength) || HasPrefix(file, 0) || (file.Length >= 8 && Guess(file) is not null && (Guess(file)!.Value.Tag(file).Group is MetaGroup or FirstGroup));

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file; values refer to it.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="ImageException">It is broken, or over a limit.</exception>
    public static DicomFile Open(ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        limits.CheckFile(file.Length);
        ReadOnlySpan<byte> bytes = file.Span;
        int start = 0;
        if (HasPrefix(bytes, PreambleLength))
        {
            if (bytes is [(byte)'M', (byte)'Z', ..] or [0x7F, (byte)'E', (byte)'L', (byte)'F', ..]) throw Broken("found a program's beginning in the preamble, expected zeros or a picture's");
            start = PreambleLength + 4;
        }
        else if (HasPrefix(bytes, 0))
        {
            start = 4;
        }
        ReadOnlyMemory<byte> rest = file[start..];
        string? syntax = null;
        if (Guess(rest.Span) is { } meta && meta.Tag(rest.Span).Group == MetaGroup)
        {
            DicomReader reader = new(rest, meta, depth: 0);
            syntax = reader.ReadDataSet(lastGroup: MetaGroup).Text(DicomTag.TransferSyntaxUid);
            rest = rest[reader.Position..];
        }
        if (syntax == Dicom.TransferSyntax.DeflatedLittleEndian) rest = Inflate(rest, limits.MaxFileBytes);
        DicomEncoding encoding = Encoding(rest.Span, syntax);
        syntax ??= encoding == s_implicit ? Dicom.TransferSyntax.ImplicitLittleEndian : encoding == s_explicit ? Dicom.TransferSyntax.ExplicitLittleEndian : Dicom.TransferSyntax.ExplicitBigEndian;
        return new DicomFile(new DicomReader(rest, encoding, depth: 0).ReadDataSet(), syntax);
    }

    // What the transfer syntax says, unless the first element shows that it is not so.
    private static DicomEncoding Encoding(ReadOnlySpan<byte> dataSet, string? syntax)
    {
        if (Guess(dataSet) is { } seen) return seen;
        return syntax switch
        {
            null => throw Broken("found no transfer syntax and no beginning of a data set, expected one of them"),
            Dicom.TransferSyntax.ImplicitLittleEndian => s_implicit,
            Dicom.TransferSyntax.ExplicitBigEndian => s_bigEndian,
            _ => s_explicit,
        };
    }

    // By the first element: its group is low, and either its representation is made of letters or its length is short.
    private static DicomEncoding? Guess(ReadOnlySpan<byte> dataSet)
    {
        if (dataSet.Length < 8) return null;
        bool isExplicit = DicomVr.IsOne(dataSet[4..]);
        foreach (DicomEncoding encoding in (ReadOnlySpan<DicomEncoding>)[s_explicit, s_bigEndian])
        {
            ushort group = encoding.U16(dataSet);
            if (group is not (MetaGroup or (>= FirstGroup and <= LastFirstGroup))) continue;
            if (isExplicit) return encoding;
            return encoding == s_explicit && encoding.U32(dataSet[4..]) <= (uint)dataSet.Length - 8 ? s_implicit : null;
        }
        return null;
    }

    private static bool HasPrefix(ReadOnlySpan<byte> file, int at) => file.Length >= at + 4 && file.Slice(at, 4).SequenceEqual("DICM"u8);

    /// <summary>Inflates (RFC 1951).</summary>
    /// <param name="deflated">The data; what follows it is left.</param>
    /// <param name="most">More bytes are refused.</param>
    /// <exception cref="ImageException">It is broken, or longer.</exception>
    internal static byte[] Inflate(ReadOnlyMemory<byte> deflated, long most)
    {
        using DeflateStream stream = new(new MemoryStream(deflated.ToArray(), writable: false), CompressionMode.Decompress);
        using MemoryStream inflated = new();
        byte[] buffer = new byte[1 << 16];
        try
        {
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                if (inflated.Length + read > most) throw ImageException.OverLimit("bytes of inflated file", inflated.Length + read, most);
                inflated.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException)
        {
            throw Broken("found deflated data that is broken");
        }
        return inflated.ToArray();
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
