using System.Buffers.Binary;
using System.Diagnostics;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>Files made to cost far more than they weigh. Not in parallel with others, whose memory would be measured too.</summary>
[Collection(nameof(HostileImageTests))]
[CollectionDefinition(nameof(HostileImageTests), DisableParallelization = true)]
public sealed class HostileImageTests
{
    // What decoding one of these small pictures may add to the process; the bombs want gigabytes.
    private const long SmallGrowth = 256L << 20;

    [Fact]
    public void HugePngHeader_IsRefusedBeforeMemoryIsReserved() => Cheap(() =>
        Refused(TestImages.Png(60_000, 60_000, 16, 6, new byte[60_000]), "3600000000 pixels"));

    [Fact]
    public void HugeJpegHeader_IsRefusedBeforeMemoryIsReserved() => Cheap(() =>
    {
        byte[] file = (byte[])TestImages.ProgressiveJpeg.Clone();
        int frame = file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC2]);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), 65_500);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), 65_500);
        Refused(file, "4290250000 pixels");
    });

    [Fact]
    public void HugeTiffHeader_IsRefusedBeforeMemoryIsReserved() => Cheap(() =>
    {
        Refused(TestImages.Tiff(60_000, 60_000, 16, 1, 1, new byte[100]), "3600000000 pixels");
        Refused(TestImages.Tiff(1_000_000, 1_000_000, 16, 1, 1, new byte[100]), "1000000 pixels on a side");
        Refused(TestImages.Tiff(64, 64, 8, 4096, 1, new byte[100]), "4096 samples");
    });

    [Fact]
    public void HugeBmpHeader_IsRefusedBeforeMemoryIsReserved() => Cheap(() => Refused(TestImages.Bmp(60_000, 60_000, 24, new byte[100]), "3600000000 pixels"));

    [Fact]
    public void LimitsThatAreSet_AreKept()
    {
        byte[] file = TestImages.Png(10, 8, 8, 0, TestImages.Bytes(80));
        Refused(file, "80 pixels, expected at most 79", new DecodeLimits { MaxPixels = 79 });
        Refused(file, "10 pixels on a side, expected at most 9", new DecodeLimits { MaxSide = 9 });
        Refused(file, $"{file.Length} bytes of file, expected at most {file.Length - 1}", new DecodeLimits { MaxFileBytes = file.Length - 1 });
        RasterDecoder.Decode(file, new DecodeLimits { MaxPixels = 80, MaxSide = 10, MaxFileBytes = file.Length });
    }

    [Fact]
    public void LimitOverWhatOneArrayHolds_IsStillALimit() =>
        Refused(TestImages.Png(60_000, 60_000, 1, 0, new byte[60_000]), "expected at most 536870912", new DecodeLimits { MaxPixels = long.MaxValue });

    [Fact]
    public void CompressedTexts_AreNotUnpacked() => Cheap(() =>
    {
        byte[] text = [.. "k\0\0"u8, .. TestImages.Deflate(new byte[40 << 20])];
        byte[] file = WithChunks(TestImages.Png(4, 4, 8, 0, TestImages.Bytes(16)), [.. Enumerable.Repeat(Chunk("zTXt"u8, text), 50)]);
        Assert.True(file.Length < 4 << 20);
        Assert.Equal(TestImages.Bytes(16), RasterDecoder.Decode(file).Samples<byte>().ToArray());
    });

    [Fact]
    public void ChunkBetweenPixelChunks_IsRefused()
    {
        byte[] file = TestImages.Png(4, 4, 8, 0, TestImages.Bytes(16));
        Refused([.. file[..^12], .. Chunk("tEXt"u8, [1, 0, 2]), .. Chunk("IDAT"u8, []), .. file[^12..]], "between IDAT");
    }

    [Fact]
    public void UnknownCriticalChunk_IsRefused() => Refused(WithChunks(TestImages.Png(4, 4, 8, 0, TestImages.Bytes(16)), [Chunk("CgBI"u8, [1, 2, 3, 4])]), "PNG");

    [Fact]
    public void ThousandsOfScans_AreRefused()
    {
        byte[] jpeg = TestImages.ProgressiveJpeg;
        int scan = jpeg.AsSpan().LastIndexOf([(byte)0xFF, (byte)0xDA]);
        byte[] file = [.. jpeg[..^2], .. Enumerable.Repeat(jpeg[scan..^2], 3000).SelectMany(s => s), .. jpeg[^2..]];
        Refused(file, "JPEG scans");
    }

    [Fact]
    public void ReservedMarkerBehindAScan_IsRefused()
    {
        byte[] jpeg = TestImages.Jpeg;
        Refused([.. jpeg[..^2], 0xFF, 0xB2, 0, 2, .. jpeg[^2..]], "marker b2");
    }

    [Fact]
    public void TiffOfManyPages_IsReadAsItsFirst() => Cheap(() =>
    {
        byte[] first = TestImages.Tiff(4, 4, 8, 1, 1, TestImages.Bytes(16));
        int entries = BitConverter.ToUInt16(first, BitConverter.ToInt32(first, 4)), next = BitConverter.ToInt32(first, 4) + 2 + (entries * 12);
        using MemoryStream file = new();
        file.Write(first);
        for (int i = 0; i < 100_000; i++)
        {
            int link = i == 0 ? next : (int)file.Length - 4;
            long end = file.Length;
            file.Position = link;
            file.Write(BitConverter.GetBytes((int)end));
            file.Position = end;
            file.Write(first.AsSpan(BitConverter.ToInt32(first, 4), 2 + (entries * 12) + 4));
        }
        Assert.Equal(TestImages.Bytes(16), RasterDecoder.Decode(file.ToArray()).Samples<byte>().ToArray());
    });

    [Fact]
    public void StripsThatShareTheirBytes_AreRefused()
    {
        byte[] file = TestImages.Tiff(4, 4, 8, 1, 1, TestImages.Bytes(16));
        int directory = BitConverter.ToInt32(file, 4), entries = BitConverter.ToUInt16(file, directory);
        // 1,000 strips of the whole file each, their table behind it.
        for (int i = 0; i < entries; i++)
        {
            int entry = directory + 2 + (i * 12);
            if (BitConverter.ToUInt16(file, entry) != 279) continue;
            BitConverter.TryWriteBytes(file.AsSpan(entry + 4), 1000);
            BitConverter.TryWriteBytes(file.AsSpan(entry + 8), file.Length);
        }
        Refused([.. file, .. Enumerable.Repeat(BitConverter.GetBytes(file.Length + 4000), 1000).SelectMany(b => b)], "overlap");
    }

    [Fact]
    public void TiffOfThousandsOfTags_IsRefused()
    {
        byte[] file = [.. "II*\0"u8, 8, 0, 0, 0, 0xFF, 0xFF, .. new byte[65_535 * 12]];
        Refused(file, "65535 TIFF tags");
    }

    [Theory]
    [InlineData(320, "ColorMap")]
    [InlineData(258, "BitsPerSample")]
    [InlineData(338, "ExtraSamples")]
    public void TagWhoseValuesAreOutsideTheFile_IsRefusedByName(int tag, string name)
    {
        byte[] file = TestImages.Tiff(4, 4, 8, tag == 320 ? 1 : 3, tag == 320 ? 3 : 2, TestImages.Bytes(48), extraSample: tag == 338 ? 0 : null, colourMap: tag == 320 ? new int[768] : null);
        int directory = BitConverter.ToInt32(file, 4), entries = BitConverter.ToUInt16(file, directory);
        for (int i = 0; i < entries; i++)
        {
            int entry = directory + 2 + (i * 12);
            if (BitConverter.ToUInt16(file, entry) != tag) continue;
            BitConverter.TryWriteBytes(file.AsSpan(entry + 4), 768);
            BitConverter.TryWriteBytes(file.AsSpan(entry + 8), file.Length - 100);
        }
        Refused(file, name);
    }

    [Fact]
    public void AnyByteChanged_IsDecodedOrRefusedNothingElse()
    {
        Random random = new(4);
        byte[][] files =
        [
            TestImages.Png(24, 20, 8, 2, TestImages.Bytes(24 * 20 * 3)), TestImages.Jpeg, TestImages.ProgressiveJpeg, TestImages.TurnedJpeg, TestImages.CmykJpeg,
            TestImages.LosslessWebP, TestImages.LossyWebP, TestImages.Tiff(20, 12, 8, 3, 2, TestImages.Bytes(20 * 12 * 3)),
            TestImages.Tiff(20, 12, 16, 1, 1, TestImages.Deflate(TestImages.Bytes(20 * 12 * 2)), compression: 8), TestImages.Tiff(20, 12, 8, 1, 1, TestImages.Bytes(32 * 32), tile: 32),
        ];
        DecodeLimits limits = new() { MaxPixels = 1 << 22 };
        int decoded = 0, refused = 0;
        for (int i = 0; i < 5_000; i++)
        {
            byte[] file = (byte[])files[i % files.Length].Clone();
            for (int changes = random.Next(1, 5); changes > 0; changes--) file[random.Next(file.Length)] = (byte)random.Next(256);
            try
            {
                PixelBuffer image = RasterDecoder.Decode(file, limits);
                Assert.InRange((long)image.Width * image.Height, 1, limits.MaxPixels);
                decoded++;
            }
            catch (ImageException)
            {
                refused++;
            }
        }
        Assert.True(decoded > 500 && refused > 500, $"{decoded} decoded, {refused} refused");
    }

    private static byte[] WithChunks(byte[] png, byte[][] chunks) => [.. png[..33], .. chunks.SelectMany(c => c), .. png[33..]];

    // The checksum is only looked at in critical chunks, which are the decoder's; here it may be wrong.
    private static byte[] Chunk(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        name.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        return chunk;
    }

    private static void Cheap(Action action)
    {
        long before = PeakBytes();
        action();
        // The kernel's count of the peak can fall by a few pages: only growth says anything.
        long growth = PeakBytes() - before;
        Assert.True(growth <= SmallGrowth, $"the peak grew by {growth:N0} bytes, expected at most {SmallGrowth:N0}");
    }

    private static long PeakBytes()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64;
    }

    private static void Refused(byte[] file, string reason, DecodeLimits? limits = null) =>
        Assert.Contains(reason, Assert.Throws<ImageException>(() => RasterDecoder.Decode(file, limits)).Message, StringComparison.Ordinal);
}
