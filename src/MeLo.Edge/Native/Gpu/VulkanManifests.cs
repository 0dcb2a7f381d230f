using System.Runtime.InteropServices;
using System.Text.Json;

namespace MeLo.Edge.Native.Gpu;

/// <summary>
/// The files that name Vulkan's drivers to the loader (LoaderDriverInterface.md, "Driver Discovery on Linux"). The loader keeps to itself what is wrong with one; this says it.
/// </summary>
internal static class VulkanManifests
{
    /// <summary>Where a distribution puts them.</summary>
    public const string Usual = "/usr/share/vulkan/icd.d";

    // The loader reads the first since version 1.3.207, and the second always.
    private static readonly string[] s_variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

    private static string[] Folders =>
        ["/etc/vulkan/icd.d", Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local/share/vulkan/icd.d"), "/usr/local/share/vulkan/icd.d", Usual];

    /// <summary>Which manifests there are, and whether the library that each names can be loaded.</summary>
    /// <param name="named">The files, as the loader's variables have them; null for those that the loader looks at.</param>
    public static string Describe(string? named = null)
    {
        named ??= s_variables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value));
        string[] files = named is not null ? named.Split(':', StringSplitOptions.RemoveEmptyEntries)
            : [.. Folders.Where(Directory.Exists).SelectMany(folder => Directory.GetFiles(folder, "*.json")).Order(StringComparer.Ordinal)];
        return files.Length == 0 ? $"no driver's manifest in {string.Join(", ", Folders)}" : string.Join("; ", files.Select(DescribeOne));
    }

    private static string DescribeOne(string manifest)
    {
        string library;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(manifest));
            library = document.RootElement.GetProperty("ICD").GetProperty("library_path").GetString() ?? "";
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return $"there is no {manifest}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{manifest} cannot be read";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return $"{manifest} is no driver's manifest";
        }
        // A path counts from the manifest, a name is looked for where libraries are.
        string path = library.Contains('/', StringComparison.Ordinal) ? Path.GetFullPath(library, Path.GetDirectoryName(Path.GetFullPath(manifest))!) : library;
        try
        {
            NativeLibrary.Load(path); // never freed: drivers do not like it
            return $"{manifest} names {library}, which loads";
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // The system's loader has the last line: which file is missing may be another that this one needs.
            string reason = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];
            return $"{manifest} names {library}, which cannot be loaded: {reason}";
        }
    }
}
