using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>A file that is cut anywhere is refused, or all of its pixels were there: none is ever made up.</summary>
public sealed class TruncationTests
{
    public static TheoryData<string> Kinds => [.. s_files.Keys];

    private static readonly Dictionary<string, byte[]> s_files = new()
    {
        ["png rgb"] = TestImages.Png(24, 20, 8, 2, TestImages.Bytes(24 * 20 * 3)),
        ["png gray 16"] = TestImages.Png(24, 20, 16, 0, TestImages.Bytes(24 * 20 * 2)),
        ["jpeg"] = TestImages.Jpeg,
        ["jpeg progressive"] = TestImages.ProgressiveJpeg,
        ["jpeg cmyk"] = TestImages.CmykJpeg,
        ["webp lossless"] = TestImages.LosslessWebP,
        ["webp lossy"] = TestImages.LossyWebP,
        ["tiff strip"] = TestImages.Tiff(20, 12, 8, 3, 2, TestImages.Bytes(20 * 12 * 3)),
        ["tiff deflate"] = TestImages.Tiff(20, 12, 16, 1, 1, TestImages.Deflate(TestImages.Bytes(20 * 12 * 2)), compression: 8),
        ["tiff tile"] = TestImages.Tiff(20, 12, 8, 1, 1, TestImages.Bytes(32 * 32), tile: 32),
        ["tiff palette"] = MapAtTheEnd(TestImages.Tiff(20, 12, 4, 1, 3, TestImages.Bytes(20 * 12 / 2), colourMap: [.. Enumerable.Range(0, 48).Select(i => i * 1301)])),
        ["bmp 24"] = TestImages.Bmp(10, 10, 24, TestImages.Bytes(320)),
        ["bmp rle"] = TestImages.Bmp(4, -2, 8, [4, 1, 0, 0, 0, 4, 0, 1, 0, 1, 0, 1], compression: 1, palette: [0, 0, 0, 0, 9, 8, 7, 0]),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryLength_IsRefusedOrGivesTheWholePicture(string kind)
    {
        byte[] file = s_files[kind];
        byte[] whole = Pixels(RasterDecoder.Decode(file));
        int refused = 0;
        for (int length = 0; length < file.Length; length++)
        {
            byte[]? pixels = TryDecode(file.AsMemory(0, length));
            if (pixels is null) refused++;
            else Assert.True(whole.AsSpan().SequenceEqual(pixels), $"{kind}: cut to {length} of {file.Length} bytes, other pixels were decoded");
        }
        Assert.True(refused >= file.Length * 9 / 10, $"{kind}: {refused} of {file.Length} lengths refused");
    }

    /// <summary>TIFF keeps its directory at the end; here what lies between is missing instead.</summary>
    [Theory]
    [InlineData("tiff strip")]
    [InlineData("tiff deflate")]
    [InlineData("tiff tile")]
    public void TiffWhoseStripIsDeclaredShorter_IsRefusedOrGivesTheWholePicture(string kind)
    {
        byte[] file = (byte[])s_files[kind].Clone();
        byte[] whole = Pixels(RasterDecoder.Decode(file));
        int counts = FindByteCount(file);
        int declared = BitConverter.ToInt32(file, counts);
        for (int length = 0; length < declared; length += 7)
        {
            BitConverter.TryWriteBytes(file.AsSpan(counts), length);
            byte[]? pixels = TryDecode(file);
            Assert.True(pixels is null || whole.AsSpan().SequenceEqual(pixels), $"{kind}: with {length} of {declared} bytes declared, other pixels were decoded");
        }
    }

    private static int FindByteCount(byte[] file) => FindValue(file, 279) ?? FindValue(file, 325) ?? throw new InvalidOperationException("no byte counts");

    /// <summary>Many writers put the colour map last.</summary>
    private static byte[] MapAtTheEnd(byte[] file)
    {
        int value = FindValue(file, 320)!.Value, offset = BitConverter.ToInt32(file, value), end = file.Length;
        byte[] moved = [.. file, .. file.AsSpan(offset, 96)];
        BitConverter.TryWriteBytes(moved.AsSpan(value), end);
        return moved;
    }

    private static int? FindValue(byte[] file, int tag)
    {
        int directory = BitConverter.ToInt32(file, 4), count = BitConverter.ToUInt16(file, directory);
        for (int i = 0; i < count; i++)
        {
            int entry = directory + 2 + (i * 12);
            if (BitConverter.ToUInt16(file, entry) == tag) return entry + 8;
        }
        return null;
    }

    private static byte[]? TryDecode(ReadOnlyMemory<byte> file)
    {
        try
        {
            return Pixels(RasterDecoder.Decode(file));
        }
        catch (ImageException)
        {
            return null;
        }
    }

    private static byte[] Pixels(PixelBuffer image)
    {
        float[] row = new float[image.Width * image.Channels];
        using MemoryStream pixels = new();
        for (int y = 0; y < image.Height; y++)
        {
            image.CopyRow(y, row);
            pixels.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(row));
        }
        return pixels.ToArray();
    }
}
