using System.Buffers.Binary;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>The frames in encapsulated pixel data (PS3.5, annex A.4): a table of offsets that may be empty, then fragments, of which a frame has one or several.</summary>
internal sealed class FrameFragments
{
    // A fragment a frame is what writers do; a few more are allowed.
    private const int MaxFragments = 1_000_000;

    private readonly List<ReadOnlyMemory<byte>> _fragments;
    private readonly ReadOnlyMemory<byte> _offsets;
    private readonly int _frames;
    private readonly long[] _starts;

    /// <param name="element">The pixel data.</param>
    /// <param name="frames">How many frames there are.</param>
    /// <exception cref="ImageException">They cannot be told apart, or are broken.</exception>
    public FrameFragments(DicomElement element, int frames)
    {
        _fragments = new DicomReader(element.Value, element.Encoding, depth: 1).ReadItems(MaxFragments);
        _frames = frames;
        if (_fragments.Count < 2) throw Broken("found encapsulated pixel data without a fragment, expected a table of offsets and one or more");
        _offsets = _fragments[0];
        _fragments.RemoveAt(0);
        _starts = new long[_fragments.Count];
        for (int i = 1; i < _starts.Length; i++) _starts[i] = _starts[i - 1] + _fragments[i - 1].Length + 8; // a tag and a length
        if (frames == 1 && _offsets.Length > sizeof(uint)) throw Broken($"found a table of {_offsets.Length / sizeof(uint)} offsets, expected one frame as the file says");
        if (frames > 1 && _fragments.Count != frames && _offsets.Length != frames * sizeof(uint))
            throw Broken($"found {_fragments.Count} fragments and a table of {_offsets.Length / sizeof(uint)} offsets, expected {frames} of either for as many frames");
    }

    /// <summary>The encoded bytes of a frame.</summary>
    /// <param name="index">From 0.</param>
    /// <exception cref="ImageException">It has none.</exception>
    public ReadOnlyMemory<byte> Frame(int index)
    {
        if (_frames == 1) return Join(_fragments);
        if (_fragments.Count == _frames) return _fragments[index];
        uint start = Offset(index), end = index + 1 < _frames ? Offset(index + 1) : uint.MaxValue;
        int first = Array.BinarySearch(_starts, start), last = first;
        if (first < 0) throw Broken($"found no fragment at offset {start}, expected frame {index + 1} there");
        while (last + 1 < _starts.Length && _starts[last + 1] < end) last++;
        return Join(_fragments[first..(last + 1)]);
    }

    private uint Offset(int index) => BinaryPrimitives.ReadUInt32LittleEndian(_offsets.Span[(index * sizeof(uint))..]);

    private static ReadOnlyMemory<byte> Join(List<ReadOnlyMemory<byte>> fragments)
    {
        if (fragments.Count == 1) return fragments[0];
        byte[] joined = new byte[fragments.Sum(f => f.Length)];
        int at = 0;
        foreach (ReadOnlyMemory<byte> fragment in fragments)
        {
            fragment.CopyTo(joined.AsMemory(at));
            at += fragment.Length;
        }
        return joined;
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
