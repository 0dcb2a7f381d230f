namespace MeLo.Edge.Native.Gpu;

/// <summary>The files by which Linux lets a process use a GPU, and whether this one may: a driver that may open none finds no device, and says no more.</summary>
internal static class GpuFiles
{
    /// <summary>Which there are, and which of them cannot be opened.</summary>
    /// <param name="devices">The folder of device files.</param>
    public static string Describe(string devices = "/dev")
    {
        string[] files = [.. Matching(devices, "dri", "renderD"), .. Matching(devices, "", "nvidia").Where(f => char.IsAsciiDigit(f[^1]) || f.EndsWith("ctl", StringComparison.Ordinal))];
        if (files.Length == 0) return $"there is no {devices}/dri/renderD* and no {devices}/nvidia*: the kernel has no driver of a GPU, or a container was not given it";
        string[] closed = [.. files.Where(file => !CanOpen(file))];
        return closed.Length == 0 ? $"this user can open {string.Join(", ", files)}"
            : $"this user cannot open {string.Join(", ", closed)}: usermod -aG render,video USER, and a service starts again; a service or a container may be forbidden it besides";
    }

    private static IEnumerable<string> Matching(string devices, string folder, string start)
    {
        string path = Path.Combine(devices, folder);
        return Directory.Exists(path) ? Directory.GetFiles(path, $"{start}*").Order(StringComparer.Ordinal) : [];
    }

    private static bool CanOpen(string file)
    {
        try
        {
            File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
