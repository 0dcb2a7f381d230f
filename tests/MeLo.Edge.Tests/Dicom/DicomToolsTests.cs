using System.Diagnostics;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Dicom;

/// <summary>Other programs' encoders against the decoders here: DCMTK's and GDCM's.</summary>
[Collection("gdcm")] // one leaves no folder behind that another counts
public sealed class DicomToolsTests
{
    private static readonly string[] s_dcmtk = ["dcmconv +te", "dcmconv +ti", "dcmconv +tb", "dcmconv +td", "dcmcrle"];

    private static readonly string[] s_gdcm = ["gdcmconv --raw", "gdcmconv --rle", "gdcmconv --j2k", "gdcmconv --jpegls", "gdcmconv --jpeg"];

    [Fact]
    public void ImageThatDcmtkRewrites_IsTheSame() => AssertSame(s_dcmtk, Gray());

    [Fact]
    public void ImageThatGdcmCompresses_IsTheSame() => AssertSame(s_gdcm, Gray());

    [Fact]
    public void ColoursThatAreRewritten_AreTheSame()
    {
        byte[] pixels = new byte[40 * 30 * 3];
        new Random(5).NextBytes(pixels);
        AssertSame([.. s_dcmtk, "gdcmconv --rle", "gdcmconv --jpegls", "gdcmconv --j2k"], TestDicom.Bytes(40, 30, 3, "RGB", pixels, more: Attributes).File());
    }

    [Fact]
    public void LossyJpeg_IsWhatDcmtkDecodesItTo()
    {
        Require("dcmcjpeg");
        byte[] pixels = [.. Enumerable.Range(0, 48 * 32).SelectMany(i => (byte[])[(byte)(i % 48 * 5), (byte)(i / 48 * 7), (byte)(255 - (i % 48 * 5))])];
        using TemporaryFolder folder = new();
        foreach (string options in (string[])["+eb", "+eb +cr", "+eb +cy +s4", "+ee"])
        {
            File.WriteAllBytes(folder["in.dcm"], TestDicom.Bytes(48, 32, 3, "RGB", pixels, more: Attributes).File());
            Run($"dcmcjpeg {options}", folder["in.dcm"], folder["jpeg.dcm"]);
            Run("dcmdjpeg", folder["jpeg.dcm"], folder["out.dcm"]);
            byte[] expected = Colours(folder["out.dcm"]), found = Colours(folder["jpeg.dcm"]);
            // One level for the inverse DCT, another for the conversion of colours.
            Assert.Equal(expected.Length, found.Length);
            Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -2, 2));
        }

        static byte[] Colours(string path) => DicomDecoder.Decode(File.ReadAllBytes(path), DicomVoi.File).Samples<byte>().ToArray();
    }

    [Fact]
    public void BrokenCodestream_IsRefused_AndLeavesNothing()
    {
        Require("gdcmconv");
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["in.dcm"], Gray());
        Run("gdcmconv --j2k", folder["in.dcm"], folder["j2k.dcm"]);
        byte[] file = File.ReadAllBytes(folder["j2k.dcm"]);
        int start = file.AsSpan().IndexOf([(byte)0xFF, (byte)0x4F, (byte)0xFF, (byte)0x51]);
        file.AsSpan(start + 4, 200).Fill(0xA5);
        string[] before = Directory.GetDirectories(Path.GetTempPath(), "melo-dicom-*");
        ImageException e = Assert.Throws<ImageException>(() => DicomDecoder.Decode(file, DicomVoi.File));
        Assert.True(e.IsFileAtFault);
        Assert.Empty(Directory.GetDirectories(Path.GetTempPath(), "melo-dicom-*").Except(before));
    }

    private static byte[] Gray()
    {
        Random random = new(3);
        short[] pixels = [.. Enumerable.Range(0, 64 * 48).Select(i => (short)((i % 64 * 20) + random.Next(100)))];
        return TestDicom.Gray(64, 48, pixels, isSigned: false, more: Attributes).File();
    }

    // What makes a Secondary Capture image of it for other programs.
    private static void Attributes(TestDicom dicom) => dicom.Text(0x0020000D, "UI", "1.2.4").Text(0x0020000E, "UI", "1.2.5").Text(0x00080060, "CS", "OT");

    private static void AssertSame(string[] commands, byte[] file)
    {
        string[] installed = [.. commands.Where(c => Find(c.Split(' ')[0]) is not null)];
        if (installed.Length == 0) Assert.Skip($"needs {commands[0].Split(' ')[0]}");
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["in.dcm"], file);
        PixelBuffer expected = DicomDecoder.Decode(file, DicomVoi.File);
        foreach (string command in installed)
        {
            File.Delete(folder["out.dcm"]);
            Run(command, folder["in.dcm"], folder["out.dcm"]);
            PixelBuffer found = DicomDecoder.Decode(File.ReadAllBytes(folder["out.dcm"]), DicomVoi.File);
            Assert.Equal((expected.Width, expected.Height, expected.Depth), (found.Width, found.Height, found.Depth));
            if (expected.Depth == SampleDepth.Bits8) Assert.True(expected.Samples<byte>().SequenceEqual(found.Samples<byte>()), command);
            else Assert.True(expected.Samples<float>().SequenceEqual(found.Samples<float>()), command);
        }
    }

    private static void Require(string program)
    {
        if (Find(program) is null) Assert.Skip($"needs {program}");
    }

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, program)).FirstOrDefault(File.Exists);

    private static void Run(string command, params string[] files)
    {
        string[] parts = command.Split(' ');
        using Process process = Process.Start(new ProcessStartInfo(parts[0], [.. parts[1..], .. files]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string said = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{command}: {said}");
    }
}
