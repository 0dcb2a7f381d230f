using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json.Nodes;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Benchmarks;

/// <summary>What was measured on.</summary>
internal static class Machine
{
    public static JsonObject Describe() => new()
    {
        ["cores"] = Environment.ProcessorCount,
        ["processor"] = Processor(),
        ["vectorBits"] = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128,
        ["os"] = RuntimeInformation.RuntimeIdentifier,
        ["dotnet"] = Environment.Version.ToString(),
        ["onnxruntime"] = OrtLibrary.Version,
    };

    private static string Processor()
    {
        const string CpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
