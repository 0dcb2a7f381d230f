using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Dicom;

/// <summary>Files that the tests write, against what the standard says of them (PS3.3, PS3.5).</summary>
public sealed class DicomDecoderTests
{
    private static readonly short[] s_ramp = [-1000, -500, -1, 0, 1, 40, 240, 1000];

    [Fact]
    public void SameImage_InEveryTransferSyntax_IsOneArray()
    {
        float[] expected = Light(TestDicom.Gray(4, 2, s_ramp).File());
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp, isExplicit: false).File(TestDicom.Implicit)));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp, isBigEndian: true).File(TestDicom.BigEndian)));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp).File(TestDicom.Deflated)));
        byte[] bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(s_ramp.AsSpan()).ToArray();
        byte[] packed = TestDicom.PackFrame(bytes, 1, 2);
        Assert.Equal(expected, Light(Encapsulated(TestDicom.RunLength, [], packed)));
        Assert.Equal(expected, Light(Encapsulated(TestDicom.RunLength, [], packed[..70], packed[70..]))); // in two fragments

        static byte[] Encapsulated(string syntax, byte[] offsets, params byte[][] fragments)
        {
            TestDicom dicom = new TestDicom().Text(0x00080018, "UI", "1.2.3").Word(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Word(0x00280010, 2).Word(0x00280011, 4);
            return dicom.Word(0x00280100, 16).Word(0x00280101, 16).Word(0x00280102, 15).Word(0x00280103, 1).Fragments(offsets, fragments).File(syntax);
        }
    }

    [Fact]
    public void FileWithoutPreamble_OrMetaInformation_IsRead()
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp).File();
        float[] expected = Light(file);
        Assert.Equal(expected, Light(file[128..]));
        Assert.Equal(expected, Light(file[132..]));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp).DataSet()));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp, isExplicit: false).DataSet()));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp, isBigEndian: true).DataSet()));
        Assert.Equal(expected, Light(TestDicom.Gray(4, 2, s_ramp, isExplicit: false).File())); // the transfer syntax is wrong
    }

    [Theory]
    [InlineData("4d5a", "program")]
    [InlineData("7f454c46", "program")]
    public void PreambleOfAProgram_IsRefused(string start, string reason)
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp).File();
        Convert.FromHexString(start).CopyTo(file, 0);
        AssertBroken(reason, file);
    }

    [Theory]
    [InlineData("LINEAR", 40, 400)]
    [InlineData("LINEAR", 0, 1)]
    [InlineData("LINEAR", -2.5, 3)]
    [InlineData("LINEAR_EXACT", 40, 400)]
    [InlineData("LINEAR_EXACT", 0.5, 0.25)]
    [InlineData("SIGMOID", 40, 400)]
    public void Window_IsTheStandardsFormula(string function, double center, double width)
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp, more: d => d
            .Text(0x00281050, "DS", $"{center}\\7").Text(0x00281051, "DS", $"{width}\\9").Text(0x00281052, "DS", "-24").Text(0x00281053, "DS", "0.5").Text(0x00281056, "CS", function)).File();
        float[] found = Light(file, DicomVoi.File);
        for (int i = 0; i < s_ramp.Length; i++)
        {
            double x = (s_ramp[i] * 0.5) - 24;
            // C.11.2.1.2.1, C.11.2.1.3.2, C.11.2.1.3.1, word for word.
            double expected = function switch
            {
                "LINEAR" => x <= center - 0.5 - ((width - 1) / 2) ? 0 : x > center - 0.5 + ((width - 1) / 2) ? 1 : ((x - (center - 0.5)) / (width - 1)) + 0.5,
                "LINEAR_EXACT" => x <= center - (width / 2) ? 0 : x > center + (width / 2) ? 1 : ((x - center) / width) + 0.5,
                _ => 1 / (1 + Math.Exp(-4 * (x - center) / width)),
            };
            Assert.Equal(expected, found[i], 1e-6);
        }
        DicomVoiFunction kind = function == "LINEAR" ? DicomVoiFunction.Linear : function == "SIGMOID" ? DicomVoiFunction.Sigmoid : DicomVoiFunction.LinearExact;
        Assert.Equal(found, Light(file, DicomVoi.Window(center, width, kind)));
    }

    [Theory]
    [InlineData("MONOCHROME1", null)]
    [InlineData("MONOCHROME2", "INVERSE")]
    [InlineData("MONOCHROME1", "INVERSE")]
    public void Inversion_IsLastAndHappensOnce(string photometric, string? shape)
    {
        float[] upright = Light(TestDicom.Gray(4, 2, s_ramp).File(), DicomVoi.Range);
        float[] inverted = Light(TestDicom.Gray(4, 2, s_ramp, photometric: photometric, more: d => _ = shape is null ? d : d.Text(0x20500020, "CS", shape)).File(), DicomVoi.Range);
        Assert.Equal(upright.Select(v => 1 - v), inverted.Select(v => v), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void SignExtension_IsByTheBitsStored()
    {
        // 12 bits: 0xFFF is -1, whatever lies above them.
        short[] pixels = [unchecked((short)0xFFFF), 0x0FFF, 0x07FF, 0x0800, 0, 1, 0x1001, 0x0801];
        float[] found = Light(TestDicom.Gray(4, 2, pixels, stored: 12).File(), DicomVoi.Window(0, 4096, DicomVoiFunction.LinearExact));
        double[] expected = [-1, -1, 2047, -2048, 0, 1, 1, -2047];
        Assert.Equal(expected.Select(v => (float)((v / 4096) + 0.5)), found);
    }

    [Theory]
    [InlineData("MONOCHROME2")]
    [InlineData("MONOCHROME1")]
    public void Padding_IsBlackAndNoValueOfTheImage(string photometric)
    {
        byte[] file = TestDicom.Gray(4, 2, [-2000, -2000, -1990, 0, 50, 100, 100, 0], photometric: photometric, more: d => d.Word(0x00280120, -2000).Word(0x00280121, -1985)).File();
        float[] found = Light(file, DicomVoi.Range);
        float[] expected = [0, 0, 0, 0, 0.5f, 1, 1, 0];
        if (photometric == "MONOCHROME1") expected = [0, 0, 0, 1, 0.5f, 0, 0, 1];
        Assert.Equal(expected, found);
    }

    [Fact]
    public void Percentiles_AreByTheNearestRank()
    {
        short[] pixels = [.. Enumerable.Range(1, 100).Select(i => (short)i)];
        float[] found = Light(TestDicom.Gray(10, 10, pixels).File(), DicomVoi.Percentile(10, 90));
        Assert.Equal(pixels.Select(v => (float)Math.Clamp((v - 10) / 80.0, 0, 1)), found, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory]
    [InlineData("range")]
    [InlineData("percentile")]
    public void ThirtyTwoBits_AreAsSixteen(string kind)
    {
        DicomVoi voi = kind == "range" ? DicomVoi.Range : DicomVoi.Percentile(10, 90);
        short[] pixels = [.. Enumerable.Range(0, 100).Select(i => (short)((i * 37 % 101) - 50))];
        TestDicom deep = new TestDicom().Word(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Word(0x00280010, 10).Word(0x00280011, 10).Word(0x00280100, 32).Word(0x00280101, 32).Word(0x00280102, 31).Word(0x00280103, 1);
        byte[] bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>([.. pixels.Select(p => (int)p)]).ToArray();
        Assert.Equal(Light(TestDicom.Gray(10, 10, pixels).File(), voi), Light(deep.Element(0x7FE00010, "OW", bytes).File(), voi));
    }

    [Fact]
    public void ImageOfOneValue_IsBlack() => Assert.All(Light(TestDicom.Gray(2, 1, [7, 7]).File(), DicomVoi.Range), v => Assert.Equal(0, v));

    [Fact]
    public void NamedWindow_IsFoundByItsExplanation()
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp, more: d => d.Text(0x00281050, "DS", "40\\300").Text(0x00281051, "DS", "400\\2000").Text(0x00281055, "LO", "SOFT\\Bone")).File();
        Assert.Equal(Light(file, DicomVoi.Window(300, 2000)), Light(file, DicomVoi.Named("BONE")));
        AssertBroken("no window of the name", file, DicomVoi.Named("LUNG"));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    public void LookupTables_AreAppliedOneAfterTheOther(int bits)
    {
        // Modality: -1, 0, 1 become 10, 20, 40; beyond, the ends hold. VOI: from 20 on, 0 to the highest in four steps.
        int white = (1 << bits) - 1;
        byte[] file = TestDicom.Gray(4, 2, s_ramp, more: d => d
            .Sequence(0x00283000, isUndefined: true, i => i.Word(0x00283002, 3, -1, 16).Word(0x00283006, 10, 20, 40))
            .Sequence(0x00283010, isUndefined: false, i => i.Word(0x00283002, 2, 20, bits).Word(0x00283006, 0, white))).File();
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1], Light(file, DicomVoi.File));
    }

    [Fact]
    public void FunctionalGroups_GoBeforeTheTopLevel()
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp, more: d => d
            .Text(0x00281050, "DS", "1").Text(0x00281051, "DS", "1")
            .Sequence(0x52009229, isUndefined: false, i => i.Sequence(0x00289145, isUndefined: true, t => t.Text(0x00281052, "DS", "-24").Text(0x00281053, "DS", "0.5")))
            .Sequence(0x52009230, isUndefined: true, i => i.Sequence(0x00289132, isUndefined: false, v => v.Text(0x00281050, "DS", "40").Text(0x00281051, "DS", "400")))).File();
        byte[] plain = TestDicom.Gray(4, 2, s_ramp, more: d => d.Text(0x00281050, "DS", "40").Text(0x00281051, "DS", "400").Text(0x00281052, "DS", "-24").Text(0x00281053, "DS", "0.5")).File();
        Assert.Equal(Light(plain), Light(file));
    }

    [Fact]
    public void EightBitsWithoutAWindow_AreTakenAsTheyAre() =>
        Assert.Equal([10 / 255f, 20 / 255f], Light(TestDicom.Bytes(2, 1, 1, "MONOCHROME2", [10, 20]).File()), (a, b) => Math.Abs(a - b) < 1e-6);

    [Fact]
    public void Colours_ComeAsRedGreenBlue()
    {
        byte[] rgb = [255, 0, 0, 0, 255, 0];
        Assert.Equal(rgb, Colours(TestDicom.Bytes(2, 1, 3, "RGB", rgb)));
        Assert.Equal(rgb, Colours(TestDicom.Bytes(2, 1, 3, "RGB", [255, 0, 0, 255, 0, 0], planar: 1)));
        // 76, 85, 255 and 150, 44, 21 are red and green of full range.
        Assert.Equal([254, 0, 0, 0, 255, 1], Colours(TestDicom.Bytes(2, 1, 3, "YBR_FULL", [76, 85, 255, 150, 44, 21])));
        Assert.Equal([10, 10, 10, 20, 20, 20], Colours(TestDicom.Bytes(2, 1, 3, "YBR_FULL_422", [10, 20, 128, 128])));

        static byte[] Colours(TestDicom dicom) => DicomDecoder.Decode(dicom.File(), DicomVoi.File).Samples<byte>().ToArray();
    }

    [Fact]
    public void Palette_IsLookedUp()
    {
        byte[] file = TestDicom.Bytes(3, 1, 1, "PALETTE COLOR", [0, 1, 9], more: d =>
        {
            for (uint c = 0; c < 3; c++) d.Word(0x00281101 + c, 2, 0, 16);
            d.Word(0x00281201, 0, 0xFFFF).Word(0x00281202, 0x1234, 0).Word(0x00281203, 7, 8);
        }).File();
        Assert.Equal([0, 0x1234, 7, 0xFFFF, 0, 8, 0xFFFF, 0, 8], DicomDecoder.Decode(file, DicomVoi.File).Samples<ushort>().ToArray());
    }

    [Fact]
    public void BigEndianWords_OfEightBits_AreSwapped()
    {
        TestDicom dicom = TestDicom.Header(3, 1, 1, "MONOCHROME2", isBigEndian: true).Element(0x7FE00010, "OW", [2, 1, 0, 3]);
        Assert.Equal([1 / 255f, 2 / 255f, 3 / 255f], Light(dicom.File(TestDicom.BigEndian)), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void PrivateElements_AreSkipped_WhateverTheyHold()
    {
        byte[] file = TestDicom.Gray(4, 2, s_ramp, more: d => d
            .Sequence(0x00290010, isUndefined: true, i => i.Text(0x00280010, "CS", "NOT ROWS"))
            .Element(0x00290011, "UN", [1, 2, 3]).Element(0x00290011, "UN", [4])).File();
        Assert.Equal(Light(TestDicom.Gray(4, 2, s_ramp).File()), Light(file));
    }

    [Fact]
    public void SeveralFrames_AreNoImage() => AssertBroken("2 frames", TestDicom.Bytes(1, 1, 1, "MONOCHROME2", [1, 2], frames: 2).File());

    internal static float[] Light(byte[] file, DicomVoi? voi = null) => DicomDecoder.Decode(file, voi ?? DicomVoi.File).Samples<float>().ToArray();

    internal static void AssertBroken(string reason, byte[] file, DicomVoi? voi = null)
    {
        ImageException e = Assert.Throws<ImageException>(() => DicomDecoder.Decode(file, voi ?? DicomVoi.File));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.True(e.IsFileAtFault);
    }
}
