using System.Runtime.InteropServices;

namespace MeLo.Edge.Native;

/// <summary>Finds the native libraries that the build puts beside the program or that a NuGet package brought.</summary>
internal static class NativeLibraryFinder
{
    /// <summary>Loads the first of <paramref name="fileNames"/> that is there.</summary>
    /// <exception cref="DllNotFoundException">None is there, or one is there and cannot be loaded.</exception>
    public static nint Load(string what, params ReadOnlySpan<string> fileNames) => NativeLibrary.Load(Find(what, fileNames));

    /// <summary>
    /// The first of <paramref name="fileNames"/> that is there: beside the program, then in <c>runtimes/RID/native</c>.
    /// The system's library path is not searched, so a device runs the library it was shipped with.
    /// </summary>
    /// <exception cref="DllNotFoundException">None is there.</exception>
    public static string Find(string what, params ReadOnlySpan<string> fileNames)
    {
        foreach (string folder in Folders())
        {
            foreach (string fileName in fileNames)
            {
                string path = Path.Combine(folder, fileName);
                if (File.Exists(path)) return path;
            }
        }
        throw new DllNotFoundException(
            $"{what}: found none of {string.Join(", ", fileNames!)} in {string.Join(" or ", Folders())}; expected the library that the build places beside the program");
    }

    private static string[] Folders() =>
    [
        AppContext.BaseDirectory,
        Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
        Path.Combine(AppContext.BaseDirectory, "runtimes", PortableRuntimeIdentifier, "native"),
    ];

    private static string PortableRuntimeIdentifier
    {
        get
        {
            string os = OperatingSystem.IsWindows() ? "win" : "linux";
            return $"{os}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        }
    }
}
