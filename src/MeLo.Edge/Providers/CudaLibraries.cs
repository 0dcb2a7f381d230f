using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using MeLo.Edge.Native;
using MeLo.Edge.Native.Gpu;

namespace MeLo.Edge.Providers;

/// <summary>
/// The files that CUDA needs: the provider's beside ONNX Runtime's library and of its version, NVIDIA's driver, and the libraries of NVIDIA's that the provider's file names.
/// The runtime itself would say which one it missed first, if that, and would take a provider of another version, whose structures need not be its own.
/// </summary>
/// <param name="folder">Where ONNX Runtime's library lies.</param>
/// <param name="version">Its version.</param>
/// <param name="driver">The driver's library.</param>
internal sealed partial class CudaLibraries(string folder, string version, string? driver = null)
{
    // The patch embedding is a convolution, which the provider leaves to cuDNN. ONNX Runtime 1.30 loads that when it is first needed: the provider's file does not name it.
    private static readonly string s_cudnn = OperatingSystem.IsWindows() ? "cudnn64_9.dll" : "libcudnn.so.9";

    // NVIDIA's "CUDA Compatibility": the oldest driver that runs programs of any minor version of a major one.
    private static readonly Dictionary<int, string> s_oldestDrivers = new() { [11] = "450", [12] = "525", [13] = "580" };

    private readonly Lazy<CudaDriver?> _driver = new(() => CudaDriver.Find(driver ?? CudaDriver.Library));

    /// <summary>The driver; null where there is none.</summary>
    public CudaDriver? Driver => _driver.Value;

    /// <summary>The provider's libraries, which the npm package leaves out.</summary>
    public static IReadOnlyList<string> ProviderFiles { get; } = OperatingSystem.IsWindows()
        ? ["onnxruntime_providers_shared.dll", "onnxruntime_providers_cuda.dll"] : ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

    /// <summary>Everything that is missing or does not fit, each with what was found and what was expected; empty where nothing is.</summary>
    public IReadOnlyList<string> Faults()
    {
        List<string> faults = [];
        IReadOnlyList<string> needed = Provider(faults);
        int? cuda = needed.Select(MajorVersion).FirstOrDefault(v => v is not null);
        string driverText = $"NVIDIA's driver{(cuda is { } known && s_oldestDrivers.TryGetValue(known, out string? oldest) ? $" {oldest} or later" : "")}";
        if (Driver is null) faults.Add($"found no {Path.GetFileName(driver ?? CudaDriver.Library)}, expected {driverText}");
        else if (Driver.Version > 0 && Driver.Version / 1000 < cuda)
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"found NVIDIA's driver for CUDA {Driver.Version / 1000}.{Driver.Version % 1000 / 10}, expected {driverText} for CUDA {cuda}"));
        else if (Driver.Fault is { } fault) faults.Add(fault);
        if (needed.Count == 0) return faults;
        List<string> missing = [.. needed.Append(s_cudnn).Distinct().Where(name => name != CudaDriver.Library && !ProviderFiles.Contains(name) && !CanLoad(name))];
        if (missing.Count > 0)
        {
            string toolkit = cuda is null ? "CUDA's" : string.Create(CultureInfo.InvariantCulture, $"CUDA {cuda}'s");
            faults.Add($"found no {string.Join(", ", missing)} that can be loaded, expected {toolkit} and cuDNN 9's on the system's library path");
        }
        return faults;
    }

    // What the provider's library names; nothing where that cannot be said.
    private IReadOnlyList<string> Provider(List<string> faults)
    {
        List<string> missing = [.. ProviderFiles.Where(file => !File.Exists(Path.Combine(folder, file)))];
        if (missing.Count > 0)
        {
            faults.Add($"found no {string.Join(", ", missing)} beside ONNX Runtime's library, expected those of ONNX Runtime {version} (a build with -p:Cuda=true places them)");
            return [];
        }
        IReadOnlyList<string> needed = [];
        foreach (string file in ProviderFiles)
        {
            try
            {
                needed = LibraryFile.Needed(Path.Combine(folder, file));
                if (OtherVersion(Path.Combine(folder, file), version) is { } other) faults.Add($"found {file} of ONNX Runtime {other}, expected that of {version}");
            }
            catch (Exception e) when (e is BadImageFormatException or IOException or UnauthorizedAccessException)
            {
                faults.Add($"{file}: {e.Message}");
                return [];
            }
        }
        return needed;
    }

    // Windows looks beside the provider too.
    private bool CanLoad(string name)
    {
        if (!NativeLibrary.TryLoad(name, out nint library) && !(OperatingSystem.IsWindows() && NativeLibrary.TryLoad(Path.Combine(folder, name), out library))) return false;
        NativeLibrary.Free(library);
        return true;
    }

    /// <summary>
    /// The version of ONNX Runtime that a library of its says it is of, where that is another than the expected one. It is a text between zeros, somewhere among the constants; a library without
    /// any (the shared one has none) is not held to it.
    /// </summary>
    private static string? OtherVersion(string path, string expected)
    {
        const int Longest = 18, Block = 1 << 20;
        byte[] start = Encoding.ASCII.GetBytes($"\0{expected[..(expected.IndexOf('.', StringComparison.Ordinal) + 1)]}");
        string? other = null;
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        byte[] buffer = new byte[Block + Longest];
        for (int kept = 0; ;)
        {
            int length = kept + file.ReadAtLeast(buffer.AsSpan(kept), buffer.Length - kept, throwOnEndOfStream: false);
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, length);
            for (int at; (at = rest.IndexOf(start)) >= 0; rest = rest[(at + 1)..])
            {
                ReadOnlySpan<byte> text = rest[(at + 1)..];
                int end = text.IndexOf((byte)0);
                if (end is < 0 or > Longest - 2 || !Version().IsMatch(Encoding.ASCII.GetString(text[..end]))) continue;
                other = Encoding.ASCII.GetString(text[..end]);
                if (other == expected) return null;
            }
            if (length < buffer.Length) return other;
            buffer.AsSpan(length - Longest).CopyTo(buffer);
            kept = Longest;
        }
    }

    private static int? MajorVersion(string library) =>
        RuntimeLibrary().Match(library) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"^(?:lib)?(?:cudart|cublas)(?:\.so\.|64_)(\d{1,3})")]
    private static partial Regex RuntimeLibrary();

    [GeneratedRegex(@"^\d+\.\d+\.\d+$")]
    private static partial Regex Version();
}
