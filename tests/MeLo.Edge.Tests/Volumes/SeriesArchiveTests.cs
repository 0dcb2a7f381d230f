using System.IO.Compression;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Volumes;

public sealed class SeriesArchiveTests
{
    private static readonly byte[][] s_slices = TestVolume.Make(3, 4, 3).Slices();

    [Fact]
    public void Archive_HoldsTheVeryBytes()
    {
        byte[] archive = SeriesArchive.Pack(s_slices.Select(s => (ReadOnlyMemory<byte>)s));
        Assert.Equal(s_slices.Select(Convert.ToHexString).Order(), SeriesArchive.Read(archive, DecodeLimits.Default).Select(f => Convert.ToHexString(f.Span)).Order());
    }

    [Fact]
    public void ArchiveOfAnotherProgram_IsRead()
    {
        byte[] archive = Zip(("scan/", []), ("scan/IM1", s_slices[0]), ("scan/IM2", s_slices[1]), ("DICOMDIR", [1, 2, 3]), (".DS_Store", [1]));
        Assert.Equal(2, SeriesArchive.Read(archive, DecodeLimits.Default).Count);
    }

    [Fact]
    public void WhatIsNoSeries_IsRefused()
    {
        Assert.Contains("begins as no DICOM file", Fault(Zip(("a.txt", "hello"u8.ToArray()))), StringComparison.Ordinal);
        Assert.Contains("found no files", Fault(Zip(("DICOMDIR", [1]))), StringComparison.Ordinal);
        Assert.Contains("bytes of inflated file", Fault(Zip(("bomb.dcm", new byte[300 << 20]))), StringComparison.Ordinal);
        byte[] archive = SeriesArchive.Pack(s_slices.Select(s => (ReadOnlyMemory<byte>)s));
        Assert.Contains("broken", Fault(archive[..^30]), StringComparison.Ordinal);
        // A bit of a pixel: the container does not see it, its checksum does.
        archive[archive.AsSpan().IndexOf(s_slices[0].AsSpan(^8)) + 1] ^= 1;
        Assert.Contains("checksum", Fault(archive), StringComparison.Ordinal);
    }

    [Fact]
    public void DirectoryOfMillions_IsRefusedBeforeItIsRead()
    {
        byte[] archive = [.. "PK\x03\x04"u8, .. new byte[4 << 20], .. "PK\x05\x06"u8, .. new byte[18]];
        Assert.Contains("a directory of more than", Fault(archive), StringComparison.Ordinal);
    }

    [Fact]
    public void SliceOf_IsTheSeriesOfOneFrame()
    {
        Assert.Equal("1.2.3.4", SeriesArchive.SliceOf(s_slices[0]));
        Assert.Null(SeriesArchive.SliceOf(TestVolume.Make(2, 4, 3).Frames([0, 1])));
        Assert.Null(SeriesArchive.SliceOf("PK\x03\x04"u8.ToArray()));
        Assert.Null(SeriesArchive.SliceOf(new TestDicom().Text(0x00080016, "UI", "1.2").Text(0x0020000E, "UI", "1.2.3").File()));
    }

    private static string Fault(byte[] archive) => Assert.Throws<ImageException>(() => SeriesArchive.Read(archive, DecodeLimits.Default)).Message;

    private static byte[] Zip(params (string Name, byte[] Bytes)[] files)
    {
        using MemoryStream stream = new();
        using (ZipArchive zip = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }
        return stream.ToArray();
    }
}
