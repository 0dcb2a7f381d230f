using System.Buffers;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>The stored samples of an image, decoded frame by frame.</summary>
internal sealed class DicomPixels
{
    private readonly DicomElement _element;
    private readonly string _syntax;
    private readonly DecodeLimits _limits;
    private readonly FrameFragments? _fragments;

    /// <param name="file">The file.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="ImageException">It is no image, broken, over a limit, or of a transfer syntax that is not decoded here.</exception>
    public DicomPixels(DicomFile file, DecodeLimits limits)
    {
        Description = PixelDescription.Of(file.DataSet, limits);
        _element = file.DataSet.Find(DicomTag.PixelData)!.Value;
        _syntax = file.TransferSyntax;
        _limits = limits;
        if (FrameBytes > Array.MaxLength) throw ImageException.OverLimit("bytes of a DICOM frame", FrameBytes, Array.MaxLength);
        if (file.DataSet.FirstText(DicomTag.PhotometricInterpretation) is "YBR_ICT" or "YBR_RCT" && !TransferSyntax.IsJpeg2000(_syntax))
            throw Broken($"found a colour transform of JPEG 2000 in {TransferSyntax.Name(_syntax)}, expected it in JPEG 2000 alone");
        bool isNative = TransferSyntax.IsNative(_syntax);
        if (isNative == _element.IsOfUndefinedLength)
            throw Broken($"found {(isNative ? "encapsulated" : "native")} pixel data, expected {(isNative ? "native" : "encapsulated")} ones for {TransferSyntax.Name(_syntax)}");
        if (!isNative)
        {
            _fragments = new FrameFragments(_element, Description.Frames);
            return;
        }
        long expected = NativeBytes(Description.Frames);
        // Zeros to an even or a block's length; anything else would be pixels that nobody has described.
        if (_element.Value.Length < expected || (_element.Value.Length > expected + 1 && _element.Value.Span[(int)expected..].ContainsAnyExcept((byte)0)))
            throw Broken($"found {_element.Value.Length} bytes of pixel data, expected {expected} for {Description.Frames} frames of {Description.Width} x {Description.Height}");
    }

    /// <summary>The pixels of a file, which a process of its own has decompressed where this one cannot.</summary>
    /// <param name="file">The file.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="ImageException">It is no image, broken, over a limit, or of a transfer syntax that nobody here decodes.</exception>
    public static DicomPixels Open(DicomFile file, DecodeLimits limits)
    {
        DicomPixels pixels = new(file, limits);
        if (!GdcmDecoder.Decodes(file.TransferSyntax) || (file.TransferSyntax == TransferSyntax.JpegExtended && Codestream.Bits(pixels._fragments!.Frame(0).Span) == 8)) return pixels;
        for (int frame = 0; frame < pixels.Description.Frames; frame++) Codestream.Check(pixels._fragments!.Frame(frame).Span, pixels.Description);
        // What the whole image takes is known before the work is begun.
        if (pixels.FrameBytes * pixels.Description.Frames > limits.MaxFileBytes)
            throw ImageException.OverLimit("bytes of decompressed pixels", pixels.FrameBytes * pixels.Description.Frames, limits.MaxFileBytes);
        DicomPixels native = new(GdcmDecoder.Decompress(pixels.Description, file, Enumerable.Range(0, pixels.Description.Frames).Select(pixels._fragments!.Frame), limits), limits);
        PixelDescription found = native.Description, expected = pixels.Description;
        if ((found.Width, found.Height, found.Frames, found.Samples) != (expected.Width, expected.Height, expected.Frames, expected.Samples))
            throw Broken($"found a codestream of {found.Frames} frames of {found.Width} x {found.Height} pixels of {found.Samples} samples, expected {expected.Frames} of {expected.Width} x {expected.Height} of {expected.Samples} as the file says");
        return native;
    }

    /// <summary>How they are stored.</summary>
    public PixelDescription Description { get; }

    /// <summary>The bytes that <see cref="Read"/> writes.</summary>
    public long FrameBytes => (long)Description.Width * Description.Height * Description.Samples * Description.SampleBytes;

    /// <summary>Decodes a frame: the samples as they are allocated, unused bits included, pixel by pixel, little endian; single bits as bytes.</summary>
    /// <param name="frame">From 0.</param>
    /// <param name="destination">[height, width, samples, <see cref="PixelDescription.SampleBytes"/>].</param>
    /// <exception cref="ImageException">The frame is broken.</exception>
    public void Read(int frame, Span<byte> destination)
    {
        if (_fragments is null) ReadNative(frame, destination);
        else ReadEncapsulated(_fragments.Frame(frame), destination);
    }

    private void ReadEncapsulated(ReadOnlyMemory<byte> frame, Span<byte> destination)
    {
        switch (_syntax)
        {
            case TransferSyntax.RunLength when Description.BitsAllocated > 1:
                RunLengthDecoder.Decode(frame.Span, Description.Samples, Description.SampleBytes, destination);
                break;
            case TransferSyntax.RunLength:
                byte[] packed = new byte[(destination.Length + 7) / 8];
                RunLengthDecoder.Decode(frame.Span, 1, 1, packed);
                UnpackBits(packed, 0, destination);
                break;
            case TransferSyntax.DeflatedFrames:
                byte[] inflated = DicomFile.Inflate(frame, NativeBytes(1) + 1); // a byte to pad with
                if (inflated.Length < NativeBytes(1)) throw Broken($"found {inflated.Length} bytes of a deflated frame, expected {NativeBytes(1)}");
                Arrange(inflated, destination);
                break;
            case TransferSyntax.JpegBaseline or TransferSyntax.JpegExtended:
                if (Description.BitsAllocated != 8) throw Broken($"found a JPEG of 8 bits, expected {Description.BitsAllocated} bits as the file says");
                EncapsulatedJpeg.Decode(frame, Description, _limits, destination);
                break;
            default:
                throw ImageException.NoDecoder($"{TransferSyntax.Name(_syntax)} ({_syntax})", "a compression that is decoded here");
        }
    }

    private void ReadNative(int frame, Span<byte> destination)
    {
        if (Description.BitsAllocated == 1)
        {
            UnpackBits(_element.Value.Span, (long)frame * destination.Length, destination);
            return;
        }
        int length = (int)NativeBytes(1);
        ReadOnlySpan<byte> source = _element.Value.Span.Slice(frame * length, length);
        if (!_element.Encoding.IsBigEndian)
        {
            Arrange(source, destination);
            return;
        }
        // Bytes in a big-endian file are the bytes of its words, if its words are what it has (PS3.5, section 8.1.2 and figure D.2-1).
        int word = Description.BitsAllocated == 8 && _element.Vr == DicomVr.Ow ? sizeof(ushort) : Description.SampleBytes;
        byte[] swapped = ArrayPool<byte>.Shared.Rent(length + 1);
        try
        {
            int odd = (int)((long)frame * length % word); // a frame may begin within a word
            ReadOnlySpan<byte> words = _element.Value.Span[((frame * length) - odd)..];
            for (int i = 0; i < length; i++)
            {
                int at = i + odd, from = at - (at % word) + (word - 1 - (at % word));
                swapped[i] = from < words.Length ? words[from] : throw Broken("found pixel data that end within a word, expected whole words");
            }
            Arrange(swapped.AsSpan(0, length), destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(swapped);
        }
    }

    // From the order of the file to pixel by pixel.
    private void Arrange(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (Description.BitsAllocated == 1)
        {
            UnpackBits(source, 0, destination);
        }
        else if (Description.Photometric == Photometric.YbrFull422)
        {
            // Two luminances, then the chrominances of both (PS3.3, C.7.6.3.1.2).
            for (int from = 0, to = 0; to + 6 <= destination.Length; from += 4, to += 6)
            {
                (destination[to], destination[to + 1], destination[to + 2]) = (source[from], source[from + 2], source[from + 3]);
                (destination[to + 3], destination[to + 4], destination[to + 5]) = (source[from + 1], source[from + 2], source[from + 3]);
            }
        }
        else if (Description.IsPlanar)
        {
            int plane = Description.Width * Description.Height, width = Description.SampleBytes;
            for (int sample = 0; sample < Description.Samples; sample++)
                for (int pixel = 0; pixel < plane; pixel++)
                    source.Slice(((sample * plane) + pixel) * width, width).CopyTo(destination[(((pixel * Description.Samples) + sample) * width)..]);
        }
        else
        {
            source[..destination.Length].CopyTo(destination);
        }
    }

    // The lowest bit of a byte comes first.
    private static void UnpackBits(ReadOnlySpan<byte> source, long firstBit, Span<byte> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            long bit = firstBit + i;
            destination[i] = (byte)((source[(int)(bit >> 3)] >> (int)(bit & 7)) & 1);
        }
    }

    private long NativeBytes(int frames)
    {
        long pixels = (long)Description.Width * Description.Height;
        if (Description.BitsAllocated == 1) return ((pixels * frames) + 7) / 8;
        if (Description.Photometric == Photometric.YbrFull422)
        {
            if (Description.Width % 2 != 0 || Description.BitsAllocated != 8) throw Broken($"found YBR_FULL_422 of {Description.Width} columns of {Description.BitsAllocated} bits, expected an even number of 8 bits");
            return pixels * 2 * frames;
        }
        return pixels * Description.Samples * Description.SampleBytes * frames;
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
