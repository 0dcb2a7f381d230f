namespace MeLo.Edge.Service.Files;

/// <summary>A file changed while it was being read: it is not stable yet, and nothing is wrong with it.</summary>
internal sealed class FileChangedException() : IOException("the file changed while it was read");
