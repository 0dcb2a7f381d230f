using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Compressions that are not decoded in this process: JPEG Lossless, JPEG-LS, JPEG 2000 and JPEG of 12 bits, by GDCM's <c>gdcmconv --raw</c> in a process of its own. A codestream that is
/// made to break a decoder breaks that process; where it takes too long or too much memory it is ended.
/// </summary>
internal static class GdcmDecoder
{
    /// <summary>The program, and where Debian has it.</summary>
    private const string Program = "gdcmconv", Package = "libgdcm-tools";

    private const string SecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

    // Under the root for UUIDs (PS3.5, annex B.2): it is seen by the program alone.
    private const string NoInstance = "2.25.0";

    // A whole mammogram of JPEG 2000 takes 2 s and 0.3 GB.
    private const int MaxSeconds = 30, MaxKilobytes = 2 << 20;

    // The shell's own words: whether the program is found, and not run, or was ended for its time.
    private const int NotFound = 127, NotRun = 126;

    /// <summary>Whether a transfer syntax is one of those that the program decodes.</summary>
    public static bool Decodes(string transferSyntax) => transferSyntax is "1.2.840.10008.1.2.4.51" or "1.2.840.10008.1.2.4.57" or "1.2.840.10008.1.2.4.70"
        or "1.2.840.10008.1.2.4.80" or "1.2.840.10008.1.2.4.81" or "1.2.840.10008.1.2.4.90" or "1.2.840.10008.1.2.4.91";

    /// <summary>The same pixels, native: a file of them and nothing else, so that nothing about the patient is on a disk meanwhile.</summary>
    /// <param name="pixels">How they are stored.</param>
    /// <param name="file">The file.</param>
    /// <param name="frames">The compressed frames.</param>
    /// <param name="limits">What the result may cost.</param>
    /// <exception cref="ImageException">The program is not installed, or cannot decode the image within its limits.</exception>
    public static DicomFile Decompress(PixelDescription pixels, DicomFile file, IEnumerable<ReadOnlyMemory<byte>> frames, DecodeLimits limits)
    {
        string transferSyntax = file.TransferSyntax;
        // For this user alone, and gone with the call.
        string folder = Directory.CreateTempSubdirectory("melo-dicom-").FullName;
        try
        {
            string source = Path.Combine(folder, "in.dcm"), target = Path.Combine(folder, "out.dcm");
            File.WriteAllBytes(source, Anonymous(pixels, file, frames));
            int code = Run(source, target, limits.MaxFileBytes, transferSyntax);
            if (code is NotFound or NotRun) throw Missing(transferSyntax);
            FileInfo made = new(target);
            if (code != 0 || !made.Exists) throw Broken(transferSyntax, "that it cannot decode");
            limits.CheckFile(made.Length);
            return DicomFile.Open(File.ReadAllBytes(target), limits);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Anonymous(PixelDescription pixels, DicomFile file, IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        DicomWriter writer = new();
        writer.Text(DicomTag.SopClassUid, DicomVr.Ui, SecondaryCapture);
        writer.Text(DicomTag.SopInstanceUid, DicomVr.Ui, NoInstance);
        writer.Words(DicomTag.SamplesPerPixel, pixels.Samples);
        writer.Text(DicomTag.PhotometricInterpretation, DicomVr.Cs, file.DataSet.FirstText(DicomTag.PhotometricInterpretation)!);
        if (pixels.Samples > 1) writer.Words(DicomTag.PlanarConfiguration, pixels.IsPlanar ? 1 : 0);
        writer.Text(DicomTag.NumberOfFrames, DicomVr.Is, pixels.Frames.ToString(CultureInfo.InvariantCulture));
        writer.Words(DicomTag.Rows, pixels.Height);
        writer.Words(DicomTag.Columns, pixels.Width);
        writer.Words(DicomTag.BitsAllocated, pixels.BitsAllocated);
        writer.Words(DicomTag.BitsStored, pixels.BitsStored);
        writer.Words(DicomTag.HighBit, pixels.Shift + pixels.BitsStored - 1);
        writer.Words(DicomTag.PixelRepresentation, pixels.IsSigned ? 1 : 0);
        writer.Frames(frames);
        return writer.ToFile(SecondaryCapture, NoInstance, file.TransferSyntax, NoInstance);
    }

    private static int Run(string source, string target, long maxBytes, string transferSyntax)
    {
        ProcessStartInfo start = OperatingSystem.IsWindows() ? new(Program, ["--raw", source, target]) : new("/bin/sh",
        [
            // A limit that cannot be set is one that is lower already. -f counts blocks of 512 bytes.
            "-c", $"{{ ulimit -c 0; ulimit -v {MaxKilobytes}; ulimit -t {MaxSeconds}; ulimit -f {(maxBytes / 512) + 1}; }} 2>/dev/null; exec {Program} --raw \"$1\" \"$2\"", "sh", source, target,
        ]);
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        try
        {
            using Process process = Process.Start(start)!;
            // What it says is read and dropped: it may quote the file.
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            process.StandardInput.Close();
            if (!process.WaitForExit(TimeSpan.FromSeconds(MaxSeconds)))
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
                throw Broken(transferSyntax, $"that it did not decode in {MaxSeconds} s");
            }
            return process.ExitCode;
        }
        catch (Win32Exception)
        {
            throw Missing(transferSyntax);
        }
    }

    private static ImageException Missing(string transferSyntax) =>
        ImageException.NoDecoder($"{TransferSyntax.Name(transferSyntax)} ({transferSyntax})", $"{Program} to decode it, which is not installed (Debian's package {Package})");

    private static ImageException Broken(string transferSyntax, string what) =>
        ImageException.Broken(ImageFormat.Dicom, $"{Program} found {TransferSyntax.Name(transferSyntax)} {what}");
}
