using System.Reflection;

namespace MeLo.Edge.Tests;

/// <summary>
/// The folder <c>shared</c> beside the working copy: golden files of the PyTorch code and real images.
/// It is not part of the project; tests that need it skip without it.
/// </summary>
internal static class SharedData
{
    /// <summary>The root of the working copy these tests were built from.</summary>
    public static string RepositoryRoot { get; } = typeof(SharedData).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    /// <summary>The path of a golden file or folder; skips the running test when it is not there.</summary>
    public static string Golden(params string[] parts) => Require(["golden", .. parts]);

    /// <summary>The path of a real data file or folder; skips the running test when it is not there.</summary>
    public static string Data(params string[] parts) => Require(["data", .. parts]);

    private static string Require(string[] parts)
    {
        string root = Environment.GetEnvironmentVariable("MELO_SHARED") ?? Path.Combine(RepositoryRoot, "..", "shared");
        string path = Path.GetFullPath(Path.Combine([root, .. parts]));
        if (!Path.Exists(path)) Assert.Skip($"needs shared/{string.Join('/', parts)} beside the working copy");
        return path;
    }
}
