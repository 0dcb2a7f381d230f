using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// The headers of a Windows or OS/2 bitmap, checked: BITMAPFILEHEADER, then BITMAPCOREHEADER (12 bytes), BITMAPINFOHEADER (40),
/// its version 2 to 5 extensions (52, 56, 108, 124) or OS22XBITMAPHEADER (64).
/// </summary>
internal sealed class BmpHeader
{
    private const int FileHeaderLength = 14;
    private const int CoreHeaderLength = 12;
    private const int InfoHeaderLength = 40;
    private const int Os2HeaderLength = 64;

    // What Pillow takes; more than 256 colours cannot be used by 8 bits, but move the pixels.
    private const uint MaxColours = 65_536;

    private BmpHeader(int width, int height, bool topDown, int bits, BmpCompression compression)
    {
        Width = width;
        Height = height;
        IsTopDown = topDown;
        BitsPerPixel = bits;
        Compression = compression;
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Whether the first stored row is the top one; otherwise it is the bottom one.</summary>
    public bool IsTopDown { get; }

    /// <summary>1, 4, 8, 16, 24 or 32.</summary>
    public int BitsPerPixel { get; }

    public BmpCompression Compression { get; }

    /// <summary>Where the bits of red, green and blue are in a pixel of 16 or 32 bits.</summary>
    public uint[] Masks { get; private init; } = [];

    /// <summary>Where the palette begins; its entries are blue, green, red and, unless they are 3 bytes long, one unused byte.</summary>
    public int PaletteStart { get; private init; }

    public int PaletteEntryLength { get; private init; }

    public int PaletteCount { get; private init; }

    /// <summary>Where the first stored row begins.</summary>
    public long PixelStart { get; private init; }

    public static BmpHeader Read(ReadOnlySpan<byte> file, DecodeLimits limits)
    {
        if (file.Length < FileHeaderLength + CoreHeaderLength) throw Broken($"found {file.Length} bytes, expected at least {FileHeaderLength + CoreHeaderLength}");
        long pixelStart = U32(file, 10);
        uint length = U32(file, FileHeaderLength);
        if (length is not (CoreHeaderLength or InfoHeaderLength or 52 or 56 or Os2HeaderLength or 108 or 124))
            throw Broken($"found a header of {length} bytes, expected 12, 40, 52, 56, 64, 108 or 124");
        int end = FileHeaderLength + (int)length;
        if (file.Length < end) throw Broken($"found {file.Length} bytes, expected at least the header's {end}");

        ReadOnlySpan<byte> info = file[FileHeaderLength..end];
        bool core = length == CoreHeaderLength;
        long width = core ? U16(info, 4) : U32(info, 4);
        long storedHeight = core ? U16(info, 6) : (int)U32(info, 8);
        int bits = core ? U16(info, 10) : U16(info, 14);
        BmpCompression compression = core ? BmpCompression.None : (BmpCompression)U32(info, 16);
        uint colours = core ? 0 : U32(info, 32);

        limits.CheckDimensions(ImageFormat.Bmp, width, Math.Abs(storedHeight));
        if (bits is not (1 or 4 or 8 or 16 or 24 or 32)) throw Broken($"found {bits} bits a pixel, expected 1, 4, 8, 16, 24 or 32");
        CheckCompression(compression, bits, length);

        uint[] masks = compression == BmpCompression.BitFields ? ReadMasks(file, bits, ref end) : bits == 16 ? [0x7C00, 0x3E0, 0x1F] : [0xFF0000, 0xFF00, 0xFF];
        int paletteCount = 0, entryLength = core ? 3 : 4;
        if (bits <= 8)
        {
            if (colours == 0) colours = 1u << bits;
            if (colours > MaxColours) throw Broken($"found {colours} colours, expected at most {MaxColours}");
            // Some writers give the end of the header as the start of the pixels, though the palette is there.
            if (pixelStart == end) pixelStart += (long)entryLength * colours;
            if (pixelStart == 0) pixelStart = end + ((long)entryLength * colours);
            paletteCount = (int)Math.Min(colours, (file.Length - end) / entryLength);
        }
        else if (pixelStart == 0)
        {
            pixelStart = end;
        }
        return new BmpHeader((int)width, (int)Math.Abs(storedHeight), storedHeight < 0, bits, compression)
        {
            Masks = masks,
            PaletteStart = end,
            PaletteEntryLength = entryLength,
            PaletteCount = paletteCount,
            PixelStart = pixelStart,
        };
    }

    internal static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Bmp, fault);

    private static void CheckCompression(BmpCompression compression, int bits, uint headerLength)
    {
        bool fits = compression switch
        {
            BmpCompression.None => true,
            BmpCompression.Rle8 => bits == 8,
            BmpCompression.Rle4 => bits == 4,
            // In an OS/2 header the same number means a bilevel fax code.
            BmpCompression.BitFields => bits is 16 or 24 or 32 && headerLength != Os2HeaderLength,
            _ => false,
        };
        if (!fits) throw Broken($"found compression {(uint)compression} with {bits} bits a pixel, expected none, run lengths of 8 or 4 bits, or bit fields of 16 to 32");
    }

    // The masks follow a header of 40 bytes and are part of the longer ones: either way they begin 40 bytes into it.
    private static uint[] ReadMasks(ReadOnlySpan<byte> file, int bits, ref int headerEnd)
    {
        const int start = FileHeaderLength + InfoHeaderLength, length = 3 * sizeof(uint);
        if (file.Length < start + length) throw Broken($"found {file.Length} bytes, expected bit masks up to byte {start + length}");
        uint[] masks = [U32(file, start), U32(file, start + 4), U32(file, start + 8)];
        headerEnd = Math.Max(headerEnd, start + length);
        if (bits == 32 && masks.All(mask => mask == 0)) return [0xFF0000, 0xFF00, 0xFF];
        bool fit = masks.All(mask => IsRun(mask) && (ulong)mask < 1UL << bits)
            && (masks[0] & masks[1]) == 0 && (masks[1] & masks[2]) == 0 && (masks[0] & masks[2]) == 0;
        if (!fit) throw Broken($"found bit masks {masks[0]:x}, {masks[1]:x}, {masks[2]:x}, expected three separate runs of bits within {bits}");
        return masks;
    }

    private static bool IsRun(uint mask)
    {
        if (mask == 0) return false;
        ulong shifted = mask >> System.Numerics.BitOperations.TrailingZeroCount(mask);
        return (shifted & (shifted + 1)) == 0;
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
