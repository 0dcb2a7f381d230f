using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>
/// The files of a DICOM series in one: a ZIP file, so that a volume of many files is one input with one digest. Equal files give equal bytes, whatever they were called and in whatever order they came.
/// </summary>
public static class SeriesArchive
{
    /// <summary>More slices than any scan of one series has.</summary>
    private const int MaxFiles = 4096;

    private const int EndRecordBytes = 22, MaxDirectoryBytes = MaxFiles * 512;

    // The earliest that the format has.
    private static readonly DateTimeOffset s_time = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The series (SeriesInstanceUID) that a file is a slice of: a DICOM image of one frame. Null for other files.</summary>
    /// <param name="file">The file.</param>
    /// <param name="limits">What it may cost; <see cref="DecodeLimits.Default"/> unless given.</param>
    /// <exception cref="ImageException">It is a DICOM file that is broken.</exception>
    public static string? SliceOf(ReadOnlyMemory<byte> file, DecodeLimits? limits = null)
    {
        if (!DicomDecoder.IsDicom(file.Span)) return null;
        DicomDataSet set = DicomFile.Open(file, limits ?? DecodeLimits.Default).DataSet;
        return set.Find(DicomTag.PixelData) is not null && set.Numbers(DicomTag.NumberOfFrames) is [] or [1, ..] ? set.FirstText(DicomTag.SeriesInstanceUid) : null;
    }

    /// <summary>Puts files together; of equal ones the first.</summary>
    /// <param name="files">The slices, whole DICOM files.</param>
    /// <exception cref="ImageException">There are too many.</exception>
    public static byte[] Pack(IEnumerable<ReadOnlyMemory<byte>> files)
    {
        SortedDictionary<string, ReadOnlyMemory<byte>> byDigest = ByDigest(files);
        using MemoryStream archive = new(checked((int)Math.Min(Array.MaxLength, byDigest.Values.Sum(f => f.Length + 256L))));
        using (ZipArchive zip = new(archive, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string digest, ReadOnlyMemory<byte> file) in byDigest)
            {
                ZipArchiveEntry entry = zip.CreateEntry($"{digest[..16]}.dcm", CompressionLevel.NoCompression);
                entry.LastWriteTime = s_time;
                using Stream stream = entry.Open();
                stream.Write(file.Span);
            }
        }
        return archive.ToArray();
    }

    /// <summary>The files of an input: those of an archive, or the file itself.</summary>
    /// <param name="input">A file.</param>
    /// <exception cref="ImageException">It is an archive that is broken, or holds something else.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Open(ReadOnlyMemory<byte> input) =>
        IsOne(input.Span) ? Read(input, DecodeLimits.Default with { MaxFileBytes = Array.MaxLength }) : [input];

    /// <summary>Different files by their SHA-256 in hexadecimal, in its order.</summary>
    /// <exception cref="ImageException">There are too many.</exception>
    internal static SortedDictionary<string, ReadOnlyMemory<byte>> ByDigest(IEnumerable<ReadOnlyMemory<byte>> files)
    {
        SortedDictionary<string, ReadOnlyMemory<byte>> byDigest = new(StringComparer.Ordinal);
        foreach (ReadOnlyMemory<byte> file in files) byDigest.TryAdd(Convert.ToHexStringLower(SHA256.HashData(file.Span)), file);
        return byDigest.Count <= MaxFiles ? byDigest : throw ImageException.OverLimit("files of a series", byDigest.Count, MaxFiles);
    }

    /// <summary>Whether a file is meant to be one.</summary>
    internal static bool IsOne(ReadOnlySpan<byte> file) => file.StartsWith("PK\x03\x04"u8);

    /// <summary>The files, in the archive's order; a directory file (DICOMDIR) is none of the series.</summary>
    /// <exception cref="ImageException">It is broken, over a limit, or holds something else.</exception>
    internal static IReadOnlyList<ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> archive, DecodeLimits limits)
    {
        List<ReadOnlyMemory<byte>> files = [];
        try
        {
            CheckDirectory(archive.Span);
            using ZipArchive zip = new(new ReadOnlyMemoryStream(archive), ZipArchiveMode.Read);
            if (zip.Entries.Count > MaxFiles) throw ImageException.OverLimit("files of a series", zip.Entries.Count, MaxFiles);
            long left = limits.MaxFileBytes;
            foreach (ZipArchiveEntry entry in zip.Entries)
            {
                // A folder has no name.
                if (entry.Name.Length == 0 || InputFiles.IsLeftover(entry.Name)) continue;
                if (entry.IsEncrypted) throw Broken("found a file that is encrypted");
                byte[] file = Read(entry, left);
                left -= file.Length;
                if (!DicomDecoder.IsDicom(file)) throw Broken("found a file in it that begins as no DICOM file does");
                files.Add(file);
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException)
        {
            throw Broken("found a ZIP file that is broken");
        }
        return files.Count > 0 ? files : throw Broken("found no files in it, expected slices");
    }

    // The container makes an object of every entry before anybody can count them, so the directory must be short enough for no more than there may be (APPNOTE.TXT, 4.3.16).
    private static void CheckDirectory(ReadOnlySpan<byte> archive)
    {
        int end = archive.LastIndexOf("PK\x05\x06"u8);
        if (end < 0 || archive.Length - end < EndRecordBytes) throw Broken("found a ZIP file that is broken");
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(archive[(end + 16)..]);
        if (start > end || end - start > MaxDirectoryBytes) throw Broken($"found a ZIP file with a directory of more than {MaxDirectoryBytes} bytes, expected one of at most {MaxFiles} files");
    }

    // Memory is taken as bytes arrive: the container's lengths are anybody's.
    private static byte[] Read(ZipArchiveEntry entry, long most)
    {
        using Stream stream = entry.Open();
        using MemoryStream file = new();
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (file.Length + read > most) throw ImageException.OverLimit("bytes of inflated file", file.Length + read, most);
            file.Write(buffer, 0, read);
        }
        byte[] bytes = file.ToArray();
        return Crc32.Append(0, bytes) == entry.Crc32 ? bytes : throw Broken("found a file in it that is not what was written: its checksum is another");
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.DicomSeries, fault);
}
