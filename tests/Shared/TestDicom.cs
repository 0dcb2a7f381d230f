using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace MeLo.Edge.Tests;

/// <summary>Writes DICOM files, whole ones and ones that are not: elements in the order they are added, nothing checked.</summary>
internal sealed class TestDicom(bool isExplicit = true, bool isBigEndian = false)
{
    public const string Implicit = "1.2.840.10008.1.2", Explicit = "1.2.840.10008.1.2.1", Deflated = "1.2.840.10008.1.2.1.99", BigEndian = "1.2.840.10008.1.2.2", RunLength = "1.2.840.10008.1.2.5";

    private readonly List<byte> _set = [];

    /// <summary>A gray image of 16 bits.</summary>
    public static TestDicom Gray(int width, int height, ReadOnlySpan<short> pixels, int stored = 16, bool isSigned = true, string photometric = "MONOCHROME2", Action<TestDicom>? more = null, bool isExplicit = true, bool isBigEndian = false, string instance = "1.2.3")
    {
        TestDicom dicom = new(isExplicit, isBigEndian);
        dicom.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7").Text(0x00080018, "UI", instance);
        dicom.Word(0x00280002, 1).Text(0x00280004, "CS", photometric).Word(0x00280010, height).Word(0x00280011, width);
        dicom.Word(0x00280100, 16).Word(0x00280101, stored).Word(0x00280102, stored - 1).Word(0x00280103, isSigned ? 1 : 0);
        more?.Invoke(dicom);
        byte[] bytes = new byte[pixels.Length * 2];
        for (int i = 0; i < pixels.Length; i++) dicom.Write16(bytes.AsSpan(2 * i), (ushort)pixels[i]);
        return dicom.Element(0x7FE00010, "OW", bytes);
    }

    /// <summary>An image of 8 bits, of one or three samples.</summary>
    public static TestDicom Bytes(int width, int height, int samples, string photometric, ReadOnlySpan<byte> pixels, int planar = 0, int frames = 1, Action<TestDicom>? more = null, bool isBigEndian = false)
    {
        TestDicom dicom = Header(width, height, samples, photometric, planar, frames, isBigEndian);
        more?.Invoke(dicom);
        return dicom.Element(0x7FE00010, "OB", pixels);
    }

    /// <summary>The elements of an image of 8 bits, without its pixels.</summary>
    public static TestDicom Header(int width, int height, int samples, string photometric, int planar = 0, int frames = 1, bool isBigEndian = false)
    {
        TestDicom dicom = new(isBigEndian: isBigEndian);
        dicom.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7").Text(0x00080018, "UI", "1.2.3");
        dicom.Word(0x00280002, samples).Text(0x00280004, "CS", photometric).Word(0x00280006, planar).Text(0x00280008, "IS", frames.ToString(CultureInfo.InvariantCulture));
        return dicom.Word(0x00280010, height).Word(0x00280011, width).Word(0x00280100, 8).Word(0x00280101, 8).Word(0x00280102, 7).Word(0x00280103, 0);
    }

    public TestDicom Text(uint tag, string vr, string value)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(value);
        return Element(tag, vr, bytes.Length % 2 == 0 ? bytes : [.. bytes, (byte)(vr == "UI" ? 0 : ' ')]);
    }

    public TestDicom Word(uint tag, params int[] values)
    {
        byte[] bytes = new byte[values.Length * 2];
        for (int i = 0; i < values.Length; i++) Write16(bytes.AsSpan(2 * i), (ushort)values[i]);
        return Element(tag, values.Any(v => v < 0) ? "SS" : "US", bytes);
    }

    /// <param name="tag">The element.</param>
    /// <param name="vr">Its representation.</param>
    /// <param name="value">Its bytes.</param>
    /// <param name="length">What the file says of their number; their number unless given.</param>
    public TestDicom Element(uint tag, string vr, ReadOnlySpan<byte> value, uint? length = null)
    {
        byte[] header = new byte[12];
        Write16(header, (ushort)(tag >> 16));
        Write16(header.AsSpan(2), (ushort)tag);
        bool isLong = isExplicit && vr is "OB" or "OW" or "SQ" or "UN" or "UT" or "OF";
        if (isExplicit) Encoding.ASCII.GetBytes(vr).CopyTo(header, 4);
        if (isExplicit && !isLong) Write16(header.AsSpan(6), (ushort)(length ?? (uint)value.Length));
        else Write32(header.AsSpan(isExplicit ? 8 : 4), length ?? (uint)value.Length);
        _set.AddRange(header.AsSpan(0, isLong ? 12 : 8));
        _set.AddRange(value);
        return this;
    }

    /// <summary>A sequence.</summary>
    /// <param name="tag">The element.</param>
    /// <param name="isUndefined">It and its items end with delimiters, instead of having lengths.</param>
    /// <param name="items">What is in it.</param>
    public TestDicom Sequence(uint tag, bool isUndefined, params Action<TestDicom>[] items)
    {
        using MemoryStream inner = new();
        foreach (Action<TestDicom> fill in items)
        {
            TestDicom item = new(isExplicit, isBigEndian);
            fill(item);
            inner.Write(Delimiter(0xE000, isUndefined ? uint.MaxValue : (uint)item._set.Count));
            inner.Write(item._set.ToArray());
            if (isUndefined) inner.Write(Delimiter(0xE00D, 0));
        }
        if (!isUndefined) return Element(tag, "SQ", inner.ToArray());
        inner.Write(Delimiter(0xE0DD, 0));
        return Element(tag, "SQ", inner.ToArray(), uint.MaxValue);
    }

    /// <summary>Pixel data in fragments.</summary>
    public TestDicom Fragments(byte[] offsets, params byte[][] fragments)
    {
        using MemoryStream inner = new();
        foreach (byte[] fragment in (byte[][])[offsets, .. fragments])
        {
            inner.Write(Delimiter(0xE000, (uint)fragment.Length));
            inner.Write(fragment);
        }
        inner.Write(Delimiter(0xE0DD, 0));
        return Element(0x7FE00010, "OB", inner.ToArray(), uint.MaxValue);
    }

    /// <summary>The data set alone.</summary>
    public byte[] DataSet() => _set.ToArray();

    /// <summary>The file.</summary>
    public byte[] File(string transferSyntax = Explicit)
    {
        byte[] set = DataSet();
        if (transferSyntax == Deflated)
        {
            using MemoryStream deflated = new();
            using (DeflateStream stream = new(deflated, CompressionLevel.Optimal, leaveOpen: true)) stream.Write(set);
            set = deflated.ToArray();
        }
        TestDicom meta = new TestDicom().Text(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.7").Text(0x00020003, "UI", "1.2.3").Text(0x00020010, "UI", transferSyntax);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, meta._set.Count);
        return [.. new byte[128], .. "DICM"u8, .. new TestDicom().Element(0x00020000, "UL", length).DataSet(), .. meta.DataSet(), .. set];
    }

    /// <summary>A frame of RLE Lossless (PS3.5, annex G), in literal runs alone but for repetitions of three or more.</summary>
    public static byte[] PackFrame(ReadOnlySpan<byte> pixels, int samples, int sampleBytes)
    {
        int segments = samples * sampleBytes, count = pixels.Length / segments;
        List<byte> frame = [.. new byte[64]];
        BinaryPrimitives.WriteInt32LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(frame), segments);
        for (int segment = 0; segment < segments; segment++)
        {
            byte[] plane = new byte[count];
            int sample = segment / sampleBytes, place = sampleBytes - 1 - (segment % sampleBytes);
            for (int i = 0; i < count; i++) plane[i] = pixels[(i * segments) + (sample * sampleBytes) + place];
            BinaryPrimitives.WriteInt32LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(frame)[(4 + (4 * segment))..], frame.Count);
            for (int at = 0; at < count;)
            {
                int run = 1;
                while (run < 128 && at + run < count && plane[at + run] == plane[at]) run++;
                if (run >= 3) frame.AddRange([(byte)(1 - run), plane[at]]);
                else frame.AddRange([(byte)(run - 1), .. plane.AsSpan(at, run).ToArray()]);
                at += run;
            }
            if (frame.Count % 2 != 0) frame.Add(0);
        }
        return [.. frame];
    }

    private byte[] Delimiter(ushort element, uint length)
    {
        byte[] bytes = new byte[8];
        Write16(bytes, 0xFFFE);
        Write16(bytes.AsSpan(2), element);
        Write32(bytes.AsSpan(4), length);
        return bytes;
    }

    private void Write16(Span<byte> bytes, ushort value)
    {
        if (isBigEndian) BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
    }

    private void Write32(Span<byte> bytes, uint value)
    {
        if (isBigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
    }
}
