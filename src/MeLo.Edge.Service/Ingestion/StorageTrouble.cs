using Microsoft.Data.Sqlite;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>Failures of disk and file system: they may pass, so the work waits instead of being lost or blamed on a file.</summary>
internal static class StorageTrouble
{
    // https://sqlite.org/rescode.html
    private const int Busy = 5;
    private const int ReadOnly = 8;
    private const int InputOutput = 10;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int CannotOpen = 14;
    private const int NotADatabase = 26;

    public static bool Is(Exception exception) => exception switch
    {
        SqliteException sqlite => sqlite.SqliteErrorCode is Busy or ReadOnly or InputOutput or Full or CannotOpen,
        IOException or UnauthorizedAccessException => true,
        _ => false,
    };

    /// <summary>Whether the journal's file itself is damaged, which no waiting mends.</summary>
    public static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is Corrupt or NotADatabase;

    /// <summary>What happened, without the path that most such messages hold.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        SqliteException sqlite => $"SQLite error {sqlite.SqliteExtendedErrorCode}",
        _ => $"{exception.GetType().Name} 0x{exception.HResult:x}",
    };
}
