namespace MeLo.Edge.Service.Files;

/// <summary>What tells one state of a file from another without reading it.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">Nanoseconds since 1970 (ticks on systems other than Linux): only ever compared.</param>
/// <param name="Inode">The file's number on its device; 0 where there is none.</param>
internal readonly record struct FileStamp(long Length, long Modified, ulong Inode);
