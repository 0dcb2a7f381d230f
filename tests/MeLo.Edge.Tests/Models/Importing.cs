using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>Imports that end with the test run.</summary>
internal static class Importing
{
    public static void Import(string checkpoint, string folder, BaseImportOptions? options = null, IProgress<BaseImportProgress>? progress = null) =>
        BaseImport.Import(checkpoint, folder, options, progress, TestContext.Current.CancellationToken);
}
