using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Benchmarks;

/// <summary>What comes before the model where images are DICOM: one radiograph in every transfer syntax that the installed tools can write, beside what DCMTK and GDCM take to decode it.</summary>
internal static class DicomBenchmark
{
    private const int Side = 2000, Bits = 12;

    // Who writes it: of the native file, or of the one of 8 bits.
    private static readonly (string Name, string[] Command, bool IsOf8Bits)[] s_syntaxes =
    [
        ("implicit", ["dcmconv", "+ti"], false), ("bigendian", ["dcmconv", "+tb"], false), ("deflated", ["dcmconv", "+td"], false), ("rle", ["dcmcrle"], false),
        ("jpeg8", ["dcmcjpeg", "+eb"], true), ("jpeglossless", ["dcmcjpeg", "+e1"], false), ("jpegls", ["gdcmconv", "--jpegls"], false), ("jpeg2000", ["gdcmconv", "--j2k"], false),
    ];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 15);
        Command command = new("dicom", "Decoding and preparing a DICOM radiograph of 2000 x 2000 pixels in every transfer syntax, beside dcm2pnm and gdcmconv.");
        options.AddTo(command);
        command.SetAction(result => Run(options.Read(result)));
        return command;
    }

    private static int Run(BenchmarkOptions.Settings settings)
    {
        Report report = new("dicom", settings);
        string folder = Directory.CreateTempSubdirectory("melo-bench-").FullName;
        try
        {
            string native = Path.Combine(folder, "native.dcm"), narrow = Path.Combine(folder, "narrow.dcm");
            File.WriteAllBytes(native, Radiograph(Bits));
            File.WriteAllBytes(narrow, Radiograph(8));
            Measure(report, settings, "native", native, folder);
            foreach ((string name, string[] command, bool isOf8Bits) in s_syntaxes)
            {
                string path = Path.Combine(folder, name + ".dcm");
                if (TryRun([.. command, isOf8Bits ? narrow : native, path])) Measure(report, settings, name, path, folder);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        Progress.Clear();
        report.Print();
        return 0;
    }

    private static void Measure(Report report, BenchmarkOptions.Settings settings, string name, string path, string folder)
    {
        byte[] file = File.ReadAllBytes(path);
        DicomVoi voi = DicomVoi.Percentile(1, 99);
        float[] tensor = new float[PreprocessRecipe.Half.TensorLength];
        string made = Path.Combine(folder, "made");
        Samples decode = new(), prepare = new(), dcmtk = new(), gdcm = new();
        for (int round = -2; round < settings.Rounds; round++)
        {
            Progress.Show($"{name}: round {Math.Max(0, round + 1)} of {settings.Rounds}");
            PixelBuffer? image = null;
            Time(decode, () => image = DicomDecoder.Decode(file, voi));
            Time(prepare, () => Preprocessing.Apply(image!, PreprocessRecipe.Half, tensor));
            Time(dcmtk, () => TryRun(["dcm2pnm", "+opb", "+Wm", path, made]));
            Time(gdcm, () => TryRun(["gdcmconv", "--raw", path, made]));

            void Time(Samples samples, Action action) => (round < 0 ? new Samples() : samples).Time(action);
        }
        double ours = decode.Median + prepare.Median;
        report.Add($"{name}_decode_ms", decode.Median, $"{file.Length / 1e6:F1} MB, gray float of {Side} x {Side}").Add($"{name}_prepare_ms", prepare.Median, "to [3, 224, 224], bicubic").Add($"{name}_files_per_s", 1000 / ours, "both, one thread");
        if (TryRun(["dcm2pnm", "+opb", "+Wm", path, made])) report.Add($"{name}_dcm2pnm_over_ours", dcmtk.Median / decode.Median, $"dcm2pnm {dcmtk.Median:F0} ms, a process a file, 8 bits");
        if (TryRun(["gdcmconv", "--raw", path, made])) report.Add($"{name}_gdcmconv_over_ours", gdcm.Median / decode.Median, $"gdcmconv {gdcm.Median:F0} ms, a process a file, no window");
    }

    // Waves with noise in the low bits.
    private static byte[] Radiograph(int bits)
    {
        Random random = new(7);
        bool isWide = bits > 8;
        ushort[] samples = new ushort[Side * Side];
        for (int i = 0; i < samples.Length; i++)
        {
            double wave = 0.5 + (0.4 * Math.Sin(i % Side * 0.02) * Math.Cos(i / Side * 0.03));
            samples[i] = (ushort)((int)(wave * ((1 << bits) - 1)) ^ random.Next(1 << (bits / 4)));
        }
        byte[] pixels = isWide ? MemoryMarshal.AsBytes(samples.AsSpan()).ToArray() : [.. samples.Select(s => (byte)s)];
        const string SecondaryCapture = "1.2.840.10008.5.1.4.1.1.7", Instance = "2.25.1";
        DicomWriter writer = new();
        writer.Text(DicomTag.SopClassUid, DicomVr.Ui, SecondaryCapture);
        writer.Text(DicomTag.SopInstanceUid, DicomVr.Ui, Instance);
        writer.Text(new DicomTag(0x0020, 0x000D), DicomVr.Ui, "2.25.2");
        writer.Text(DicomTag.SeriesInstanceUid, DicomVr.Ui, "2.25.3");
        writer.Words(DicomTag.SamplesPerPixel, 1);
        writer.Text(DicomTag.PhotometricInterpretation, DicomVr.Cs, "MONOCHROME2");
        writer.Words(DicomTag.Rows, Side);
        writer.Words(DicomTag.Columns, Side);
        writer.Words(DicomTag.BitsAllocated, isWide ? 16 : 8);
        writer.Words(DicomTag.BitsStored, bits);
        writer.Words(DicomTag.HighBit, bits - 1);
        writer.Words(DicomTag.PixelRepresentation, 0);
        writer.Bytes(DicomTag.PixelData, DicomVr.Ow, pixels);
        return writer.ToFile(SecondaryCapture, Instance, TransferSyntax.ExplicitLittleEndian, Instance);
    }

    private static bool TryRun(string[] command)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            process.StandardOutput.ReadToEnd();
            error.Wait();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false; // it is not installed
        }
    }
}
