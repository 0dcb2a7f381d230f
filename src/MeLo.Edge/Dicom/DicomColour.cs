using System.Buffers;
using System.Runtime.InteropServices;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>Colour images as red, green and blue (PS3.3, C.7.6.3.1.2 and C.7.9).</summary>
internal static class DicomColour
{
    /// <summary>Samples of three colours, [pixels, 3].</summary>
    /// <exception cref="ImageException">They are of a depth that is not read.</exception>
    public static PixelBuffer Decode(ReadOnlySpan<byte> samples, PixelDescription pixels)
    {
        bool isYbr = pixels.Photometric is Photometric.YbrFull or Photometric.YbrFull422;
        if (pixels.IsSigned) throw Broken("found colours that are signed, expected unsigned ones");
        if (pixels.BitsAllocated == 8 && pixels.BitsStored == 8)
        {
            byte[] rgb = ArrayPool<byte>.Shared.Rent(samples.Length);
            if (isYbr) ToRgb(samples, rgb);
            else samples.CopyTo(rgb);
            return new PixelBuffer(pixels.Width, pixels.Height, 3, rgb, ImageFormat.Dicom, isRented: true);
        }
        if (isYbr) throw Broken($"found {pixels.BitsStored} bits stored of YBR_FULL, expected 8");
        float[] light = ArrayPool<float>.Shared.Rent(pixels.FrameLength);
        for (int i = 0; i < pixels.FrameLength; i++) light[i] = (float)(pixels.Value(Word(samples, i, pixels)) / (double)pixels.Highest);
        return new PixelBuffer(pixels.Width, pixels.Height, 3, light, ImageFormat.Dicom, isRented: true);
    }

    /// <summary>Indices into the palette that the file has.</summary>
    /// <exception cref="ImageException">The palette is missing or incomplete.</exception>
    public static PixelBuffer DecodePalette(ReadOnlySpan<byte> samples, PixelDescription pixels, DicomDataSet set)
    {
        if (pixels.BitsStored > 16) throw Broken($"found {pixels.BitsStored} bits stored of a palette's indices, expected at most 16");
        if (set.Contains(DicomTag.SegmentedRedPaletteData)) throw Broken("found a palette in segments, expected one of entries");
        LookupTable[] tables = new LookupTable[3];
        for (ushort colour = 0; colour < tables.Length; colour++)
        {
            tables[colour] = LookupTable.Read(
                set, DicomTag.RedPaletteDescriptor with { Element = (ushort)(DicomTag.RedPaletteDescriptor.Element + colour) },
                DicomTag.RedPaletteData with { Element = (ushort)(DicomTag.RedPaletteData.Element + colour) }, pixels.IsSigned);
        }
        int length = pixels.FrameLength;
        ushort[] rgb = ArrayPool<ushort>.Shared.Rent(3 * length);
        for (int i = 0; i < length; i++)
        {
            long index = pixels.Value(Word(samples, i, pixels));
            for (int colour = 0; colour < tables.Length; colour++)
            {
                LookupTable table = tables[colour];
                // White is the highest entry that its bits allow.
                rgb[(3 * i) + colour] = table.Bits == 16 ? table[index] : (ushort)Math.Round(table[index] * (double)ushort.MaxValue / ((1 << table.Bits) - 1));
            }
        }
        return new PixelBuffer(pixels.Width, pixels.Height, 3, rgb, ImageFormat.Dicom, isRented: true);
    }

    // The inverse of C.7.6.3.1.2's equations, to the nearest level.
    private static void ToRgb(ReadOnlySpan<byte> ybr, Span<byte> rgb)
    {
        for (int i = 0; i < ybr.Length; i += 3)
        {
            double y = ybr[i], blue = ybr[i + 1] - 128.0, red = ybr[i + 2] - 128.0;
            rgb[i] = Level(y + (1.402 * red));
            rgb[i + 1] = Level(y - (0.344136 * blue) - (0.714136 * red));
            rgb[i + 2] = Level(y + (1.772 * blue));
        }
    }

    private static byte Level(double value) => (byte)Math.Clamp(Math.Round(value), byte.MinValue, byte.MaxValue);

    private static uint Word(ReadOnlySpan<byte> samples, int index, PixelDescription pixels) => pixels.SampleBytes switch
    {
        sizeof(byte) => samples[index],
        sizeof(ushort) => MemoryMarshal.Cast<byte, ushort>(samples)[index],
        _ => MemoryMarshal.Cast<byte, uint>(samples)[index],
    };

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
