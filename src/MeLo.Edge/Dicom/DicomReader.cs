using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Reads data elements (PS3.5, section 7). Every length is held against the bytes that there are, nesting and the number of elements against a limit. Values are not copied, sequences are
/// read when somebody asks for their items. Private elements and group lengths are passed over.
/// </summary>
internal sealed class DicomReader
{
    /// <summary>More than any structured report nests.</summary>
    public const int MaxDepth = 32;

    /// <summary>The most elements that one data set keeps; those of an enhanced object lie in its items.</summary>
    public const int MaxElements = 20_000;

    private const uint UndefinedLength = 0xFFFFFFFF;

    // Data set trailing padding (PS3.10, section 7.2).
    private const ushort PaddingGroup = 0xFFFC, DelimiterGroup = 0xFFFE;

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly int _depth;
    private readonly DicomEncoding _encoding;
    private int _at;

    /// <param name="bytes">The elements.</param>
    /// <param name="encoding">How they are written.</param>
    /// <param name="depth">How many sequences they are within.</param>
    public DicomReader(ReadOnlyMemory<byte> bytes, DicomEncoding encoding, int depth)
    {
        _bytes = bytes;
        _encoding = encoding;
        _depth = depth;
    }

    /// <summary>Where the next element begins.</summary>
    public int Position => _at;

    private ReadOnlySpan<byte> Rest => _bytes.Span[_at..];

    /// <summary>Reads elements to the end, or up to one of a higher group than <paramref name="lastGroup"/>.</summary>
    /// <exception cref="ImageException">They are broken, or too many.</exception>
    public DicomDataSet ReadDataSet(ushort lastGroup = ushort.MaxValue)
    {
        Dictionary<DicomTag, DicomElement> elements = [];
        while (_at < _bytes.Length)
        {
            // Some writers pad to an even or a block's length.
            if (Rest.Length < 8 && !Rest.ContainsAnyExcept((byte)0)) break;
            DicomTag tag = PeekTag();
            if (tag.Group > lastGroup || tag.Group == PaddingGroup) break;
            DicomElement element = ReadElement(tag);
            if (tag.IsPrivate || tag.Element == 0) continue;
            if (!elements.TryAdd(tag, element)) throw Broken($"found {tag} twice, expected it once");
            if (elements.Count > MaxElements) throw ImageException.OverLimit("DICOM elements in a data set", elements.Count, MaxElements);
        }
        return new DicomDataSet(elements, _depth);
    }

    /// <summary>Reads the items of a sequence, or the fragments of pixel data, to the end.</summary>
    /// <param name="most">More are refused.</param>
    /// <exception cref="ImageException">They are broken, or too many.</exception>
    public List<ReadOnlyMemory<byte>> ReadItems(int most)
    {
        List<ReadOnlyMemory<byte>> items = [];
        while (_at < _bytes.Length)
        {
            DicomTag tag = PeekTag();
            // Some writers end a sequence of known length with a delimiter too.
            if (tag == DicomTag.SequenceDelimitation) break;
            if (tag != DicomTag.Item) throw Broken($"found {tag} in a sequence, expected an item");
            if (items.Count == most) throw ImageException.OverLimit("DICOM items in a sequence", items.Count + 1, most);
            items.Add(ReadItem());
        }
        return items;
    }

    private DicomElement ReadElement(DicomTag tag)
    {
        if (tag.Group == DelimiterGroup) throw Broken($"found {tag} between elements, expected it in a sequence");
        ushort vr = DicomVr.None;
        uint length;
        // Some files leave the representation out where their transfer syntax has it (implicit items in explicit sequences).
        if (_encoding.IsExplicit && DicomVr.IsOne(Rest[4..]))
        {
            vr = (ushort)((Rest[4] << 8) | Rest[5]);
            if (DicomVr.HasLongLength(vr))
            {
                if (Rest.Length < 12) throw Cut(tag);
                length = _encoding.U32(Rest[8..]);
                _at += 12;
            }
            else
            {
                length = _encoding.U16(Rest[6..]);
                _at += 8;
            }
        }
        else
        {
            length = _encoding.U32(Rest[4..]);
            _at += 8;
        }
        if (length != UndefinedLength) return new DicomElement(vr, Take(tag, length), _encoding, IsOfUndefinedLength: false);

        // What is unknown is implicit inside (section 6.2.2, note on UN).
        DicomEncoding inner = vr == DicomVr.Un ? new DicomEncoding(IsExplicit: false, IsBigEndian: false) : _encoding;
        int start = _at;
        SkipSequence(inner, _depth + 1);
        return new DicomElement(vr, _bytes[start..(_at - 8)], inner, IsOfUndefinedLength: true);
    }

    private ReadOnlyMemory<byte> ReadItem()
    {
        uint length = _encoding.U32(Rest[4..]);
        _at += 8;
        if (length != UndefinedLength) return Take(DicomTag.Item, length);
        int start = _at;
        SkipItem(_encoding, _depth + 1);
        return _bytes[start..(_at - 8)];
    }

    // Behind the delimiter of the sequence that the position is in.
    private void SkipSequence(DicomEncoding encoding, int depth)
    {
        while (true)
        {
            DicomTag tag = PeekTag(encoding);
            uint length = encoding.U32(Rest[4..]);
            _at += 8;
            if (tag == DicomTag.SequenceDelimitation) return;
            if (tag != DicomTag.Item) throw Broken($"found {tag} in a sequence, expected an item or the end");
            if (length == UndefinedLength) SkipItem(encoding, depth);
            else Take(tag, length);
        }
    }

    // Behind the delimiter of the item that the position is in.
    private void SkipItem(DicomEncoding encoding, int depth)
    {
        if (depth > MaxDepth) throw ImageException.OverLimit("nested DICOM sequences", depth, MaxDepth);
        while (true)
        {
            DicomTag tag = PeekTag(encoding);
            if (tag == DicomTag.ItemDelimitation)
            {
                _at += 8;
                return;
            }
            DicomReader inner = new(_bytes[_at..], encoding, depth);
            inner.ReadElement(tag);
            _at += inner._at;
        }
    }

    private ReadOnlyMemory<byte> Take(DicomTag tag, uint length)
    {
        if (length > _bytes.Length - _at) throw Broken($"found {tag} of {length} bytes, expected at most the {_bytes.Length - _at} that follow");
        ReadOnlyMemory<byte> value = _bytes.Slice(_at, (int)length);
        _at += (int)length;
        return value;
    }

    private DicomTag PeekTag() => PeekTag(_encoding);

    private DicomTag PeekTag(DicomEncoding encoding) => Rest.Length >= 8 ? encoding.Tag(Rest) : throw Broken($"found {Rest.Length} bytes at the end, expected an element of 8 or more");

    private static ImageException Cut(DicomTag tag) => Broken($"found the file's end within {tag}, expected all of it");

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
