using System.Buffers.Binary;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using static MeLo.Edge.Tests.Dicom.DicomDecoderTests;

namespace MeLo.Edge.Tests.Dicom;

/// <summary>Files that are broken, or made to cost more than they are.</summary>
public sealed class HostileDicomTests
{
    private static TestDicom Small => TestDicom.Bytes(2, 2, 1, "MONOCHROME2", [1, 2, 3, 4]);

    [Fact]
    public void FileCutAnywhere_IsRefused()
    {
        byte[] whole = TestDicom.Gray(2, 2, [1, 2, 3, 4], more: d => d.Sequence(0x00081140, isUndefined: true, i => i.Text(0x00080018, "UI", "1.2"))).File();
        for (int length = 0; length < whole.Length; length++)
            Assert.True(Assert.Throws<ImageException>(() => DicomDecoder.Decode(whole.AsMemory(0, length), DicomVoi.File)).IsFileAtFault, $"{length}");
    }

    [Fact]
    public void LengthBeyondTheFile_IsRefused()
    {
        TestDicom dicom = TestDicom.Header(2, 2, 1, "MONOCHROME2").Element(0x7FE00010, "OB", [1, 2, 3, 4], length: 0xFFFFFFFE);
        AssertBroken("found (7FE0,0010) of 4294967294 bytes, expected at most the 4 that follow", dicom.File());
    }

    [Fact]
    public void ElementTwice_IsRefused() => AssertBroken("(0028,0010) twice", TestDicom.Gray(2, 2, [1, 2, 3, 4], more: d => d.Word(0x00280010, 2)).File());

    [Fact]
    public void NestingWithoutEnd_IsRefused()
    {
        // 12 bytes of sequence and 8 of item, again and again.
        byte[] level = new TestDicom().Sequence(0x00081140, isUndefined: true, _ => { }).DataSet()[..20];
        byte[] deep = [.. Small.DataSet()[..^16], .. Enumerable.Repeat(level, 200_000).SelectMany(b => b)];
        AssertBroken("nested DICOM sequences", deep);
    }

    [Fact]
    public void TooManyElements_AreRefused()
    {
        TestDicom dicom = new();
        for (uint i = 0; i < 30_000; i++) dicom.Element(0x00100000 + (i * 2 / 0xFFFE * 0x20000) + (i * 2 % 0xFFFE) + 2, "CS", []);
        AssertBroken("DICOM elements in a data set", dicom.DataSet());
    }

    [Fact]
    public void ManyItems_CostNoMoreThanTheyAre()
    {
        byte[] item = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(item, 0xE000FFFE);
        byte[] items = new byte[200_000 * 8];
        for (int i = 0; i < 200_000; i++) item.CopyTo(items, 8 * i);
        byte[] file = TestDicom.Gray(1, 1, [1], more: d => d.Element(0x52009230, "SQ", items)).File();
        AssertBroken("DICOM items in a sequence", file);
    }

    [Fact]
    public void DeflatedBomb_IsStoppedAtTheLimit()
    {
        byte[] file = new TestDicom().Element(0x00280002, "OB", new byte[20 << 20]).File(TestDicom.Deflated);
        Assert.True(file.Length < 100_000);
        ImageException e = Assert.Throws<ImageException>(() => DicomDecoder.Decode(file, DicomVoi.File, new DecodeLimits { MaxFileBytes = 1 << 20 }));
        Assert.Equal(ImageFault.OverLimit, e.Fault);
    }

    [Theory]
    [InlineData(60_000, 60_000, "pixels")]
    [InlineData(0, 2, "at least 1 x 1")]
    [InlineData(65_535, 4, "bytes of pixel data")]
    public void Dimensions_AreHeldAgainstTheLimitsAndTheData(int width, int height, string reason) => AssertBroken(reason, TestDicom.Bytes(width, height, 1, "MONOCHROME2", [1, 2, 3, 4]).File());

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e9")]
    [InlineData("x")]
    public void NumberOfFrames_IsAWholeNumberWithinTheLimit(string frames)
    {
        TestDicom dicom = new TestDicom().Word(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Text(0x00280008, "IS", frames).Word(0x00280010, 1).Word(0x00280011, 1).Word(0x00280100, 8);
        Assert.Throws<ImageException>(() => DicomDecoder.Decode(dicom.Element(0x7FE00010, "OB", [1, 2]).DataSet(), DicomVoi.File));
    }

    [Theory]
    [InlineData(12, 12, 11, "12 bits allocated")]
    [InlineData(16, 17, 16, "17 bits stored")]
    [InlineData(16, 12, 5, "12 bits stored")]
    [InlineData(8, 8, 8, "8 bits stored")]
    public void Bits_FitEachOther(int allocated, int stored, int high, string reason)
    {
        TestDicom dicom = new TestDicom().Word(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Word(0x00280010, 1).Word(0x00280011, 1);
        AssertBroken(reason, dicom.Word(0x00280100, allocated).Word(0x00280101, stored).Word(0x00280102, high).Word(0x00280103, 0).Element(0x7FE00010, "OW", [1, 2]).DataSet());
    }

    [Fact]
    public void RunLengths_StayWithinTheirFrame()
    {
        byte[] good = TestDicom.PackFrame([1, 2, 3, 4], 1, 1);
        Assert.Equal([1 / 255f, 2 / 255f, 3 / 255f, 4 / 255f], Light(Frame(good)), (a, b) => Math.Abs(a - b) < 1e-6);
        AssertBroken("run-length", Frame(good[..63]));
        AssertBroken("run-length", Frame(good[..64]));
        AssertBroken("run-length", Frame([.. good[..4], 0xFF, 0xFF, 0xFF, 0x7F, .. good[8..]]));
        AssertBroken("run-length", Frame([2, .. good[1..]]));
        AssertBroken("run-length", Frame([.. good[..64], 0x80, 0x80, 0x80, 0x80]));
        AssertBroken("run-length", Frame([.. good[..64], 127, 1, 2]));

        static byte[] Frame(byte[] frame) => TestDicom.Header(2, 2, 1, "MONOCHROME2").Fragments([], frame).File(TestDicom.RunLength);
    }

    [Fact]
    public void Fragments_ThatAreNoFrames_AreRefused()
    {
        byte[] frame = TestDicom.PackFrame([1, 2, 3, 4], 1, 1);
        AssertBroken("without a fragment", TestDicom.Header(2, 2, 1, "MONOCHROME2").Fragments([]).File(TestDicom.RunLength));
        DicomFile two = DicomFile.Open(TestDicom.Header(2, 2, 1, "MONOCHROME2", frames: 2).Fragments([], frame, frame, frame).File(TestDicom.RunLength), DecodeLimits.Default);
        Assert.Contains("offsets", Assert.Throws<ImageException>(() => new DicomPixels(two, DecodeLimits.Default)).Message, StringComparison.Ordinal);
        AssertBroken("encapsulated", Small.File(TestDicom.RunLength));
        AssertBroken("native", TestDicom.Header(2, 2, 1, "MONOCHROME2").Fragments([], frame).File());
    }

    [Theory]
    [InlineData("2", "1", "LINEAR", "")]
    [InlineData("2", "0", "LINEAR", "width 0")]
    [InlineData("2", "0.5", "LINEAR", "width 0.5")]
    [InlineData("2", "-3", "SIGMOID", "width -3")]
    [InlineData("2", "NaN", "LINEAR", "no number")]
    [InlineData("2", "1e999", "LINEAR", "no number")]
    [InlineData("2", "3", "CUBIC", "function")]
    public void Windows_MakeSense(string center, string width, string function, string reason)
    {
        byte[] file = TestDicom.Gray(1, 1, [1], more: d => d.Text(0x00281050, "DS", center).Text(0x00281051, "DS", width).Text(0x00281056, "CS", function)).File();
        if (reason.Length == 0) Light(file);
        else AssertBroken(reason, file);
    }

    [Theory]
    [InlineData("1e300", "0")]
    [InlineData("1", "-1e308")]
    [InlineData("0", "0")]
    public void Rescales_StayWithinTheNumbersThatAreComputedWith(string slope, string intercept) =>
        AssertBroken("rescale", TestDicom.Gray(2, 1, [1, 2], more: d => d.Text(0x00281052, "DS", intercept).Text(0x00281053, "DS", slope)).File(), DicomVoi.Range);

    [Fact]
    public void PixelsThatNobodyDescribed_AreRefused()
    {
        AssertBroken("bytes of pixel data", TestDicom.Bytes(2, 2, 1, "MONOCHROME2", [1, 2, 3, 4, 5, 6, 7, 8]).File());
        byte[] frame = TestDicom.PackFrame([1, 2, 3, 4], 1, 1);
        AssertBroken("offsets", TestDicom.Header(2, 2, 1, "MONOCHROME2").Fragments([0, 0, 0, 0, 9, 0, 0, 0], frame, frame).File(TestDicom.RunLength));
        AssertBroken("JPEG 2000", TestDicom.Bytes(1, 1, 3, "YBR_RCT", [1, 2, 3, 0]).File());
    }

    [Fact]
    public void EntriesBeyondATablesBits_AreRefused() => AssertBroken(
        "lookup table of 8 bits", TestDicom.Gray(1, 1, [1], more: d => d.Sequence(0x00283010, isUndefined: true, i => i.Word(0x00283002, 2, 0, 8).Word(0x00283006, 0, 4095))).File());

    [Theory]
    [InlineData("ffd8fff7000b100010002001011100ffda", 32, 16, 16)]
    [InlineData("ff4fff51002900000000002000000010000000000000000000000020000000100000000000000000000107010100", 32, 16, 8)]
    public void Codestream_IsOfTheSizeThatTheFileSays(string hex, int width, int height, int bits)
    {
        byte[] frame = Convert.FromHexString(hex);
        PixelDescription Pixels(int w, int h, int allocated, int samples = 1) => new()
        {
            Width = w, Height = h, Frames = 1, Samples = samples, Photometric = Photometric.Monochrome2, BitsAllocated = allocated, BitsStored = allocated, Shift = 0, IsSigned = false, IsPlanar = false,
        };
        Codestream.Check(frame, Pixels(width, height, bits));
        foreach (PixelDescription other in (PixelDescription[])[Pixels(width, height / 2, bits), Pixels(width + 1, height, bits), Pixels(width, height, bits, samples: 3), Pixels(width, height, bits / 2)])
            Assert.Throws<ImageException>(() => Codestream.Check(frame, other));
        for (int length = 0; length < 12; length++) Assert.Throws<ImageException>(() => Codestream.Check(frame.AsSpan(0, length), Pixels(width, height, bits)));
    }

    [Fact]
    public void ManyItemsOfManyElements_AreNotAllRead()
    {
        byte[] item = [.. Enumerable.Range(0, 1000).SelectMany(i => new TestDicom().Element(0x00100000 + (uint)i, "CS", []).DataSet())];
        TestDicom dicom = TestDicom.Gray(1, 1, [1], more: d => d.Element(0x52009230, "SQ", [.. Enumerable.Range(0, 500).SelectMany(_ => (byte[])[0xFE, 0xFF, 0, 0xE0, .. BitConverter.GetBytes(item.Length), .. item])]));
        byte[] file = dicom.File();
        Light(file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Light(file);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void IncompleteTables_AreRefused()
    {
        AssertBroken("lookup table", TestDicom.Gray(1, 1, [1], more: d => d.Sequence(0x00283010, isUndefined: true, i => i.Word(0x00283002, 9, 0, 16).Word(0x00283006, 1, 2))).File());
        AssertBroken("lookup table", TestDicom.Gray(1, 1, [1], more: d => d.Sequence(0x00283010, isUndefined: true, i => i.Word(0x00283002, 9, 0))).File());
        AssertBroken("lookup table", TestDicom.Bytes(1, 1, 1, "PALETTE COLOR", [1, 2]).File());
    }

    [Theory]
    [InlineData("")]
    [InlineData("DICM")]
    [InlineData("not a picture at all")]
    public void WhatIsNoDicom_IsRefused(string text) => Assert.Throws<ImageException>(() => DicomDecoder.Decode(System.Text.Encoding.ASCII.GetBytes(text), DicomVoi.File));
}
