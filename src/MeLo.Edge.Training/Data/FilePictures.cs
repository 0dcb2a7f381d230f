using System.Globalization;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures that lie in files. What they are is told by their first bytes, not by their names.</summary>
internal sealed class FilePictures : IPictures
{
    private const int SignatureBytes = 16;

    private readonly string _source;
    private readonly IReadOnlyList<PictureFile> _files;
    private readonly DecodeLimits _limits;

    private FilePictures(string source, IReadOnlyList<PictureFile> files, DecodeLimits limits) => (_source, _files, _limits) = (source, files, limits);

    /// <summary>Looks at the beginning and the length of every file.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="files">The samples' files, in their order.</param>
    /// <param name="limits">What a picture may cost.</param>
    /// <exception cref="DatasetException">Files are not there, or no pictures; the message lists them up to a limit.</exception>
    public static FilePictures Open(string source, IReadOnlyList<PictureFile> files, DecodeLimits limits)
    {
        List<string> faults = [];
        byte[] start = new byte[SignatureBytes];
        string[] lengths = new string[files.Count];
        for (int i = 0; i < files.Count; i++)
        {
            try
            {
                using FileStream stream = new(files[i].Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
                limits.CheckFile(stream.Length);
                _ = ImageSignature.Identify(start.AsSpan(0, stream.ReadAtLeast(start, SignatureBytes, throwOnEndOfStream: false)));
                lengths[i] = stream.Length.ToString(CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (IsOfTheFile(e))
            {
                faults.Add(Fault(files[i], e));
            }
        }
        if (faults.Count > 0) throw DatasetException.Of(source, faults);
        return new FilePictures(source, files, limits) { Lengths = string.Join(',', lengths) };
    }

    /// <summary>The files' lengths in bytes, with commas.</summary>
    public string Lengths { get; private init; } = "";

    public PixelBuffer Read(int sample, int slice)
    {
        PictureFile file = _files[sample];
        try
        {
            // Before all of it is read: it may have grown since.
            _limits.CheckFile(new FileInfo(file.Path).Length);
            return RasterDecoder.Decode(File.ReadAllBytes(file.Path), _limits);
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(_source, Fault(file, e), e);
        }
    }

    private static bool IsOfTheFile(Exception e) => e is IOException or UnauthorizedAccessException || e is ImageException { IsFileAtFault: true };

    private static string Fault(PictureFile file, Exception e) => $"'{file.Id}': {(e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message)}";
}

/// <summary>A file of one picture.</summary>
/// <param name="Id">Its sample's name.</param>
/// <param name="Path">Where it is.</param>
internal readonly record struct PictureFile(string Id, string Path);
