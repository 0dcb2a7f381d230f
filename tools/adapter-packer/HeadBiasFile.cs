using System.Text.Json;
using MeLo.Edge.Tensors;

namespace AdapterPacker;

/// <summary>
/// A head's bias beside an adapter whose own files hold none: a JSON array of numbers, or a safetensors file with one tensor [classes],
/// or with several of which one is called <c>head.bias</c>, <c>fc.bias</c>, <c>classifier.bias</c> or <c>bias</c>.
/// </summary>
internal static class HeadBiasFile
{
    private const int MaxBytes = 64 << 20;
    private static readonly string[] s_names = ["head.bias", "fc.bias", "classifier.bias", "bias"];

    public static float[] Read(string path)
    {
        return Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase) ? FromSafetensors(path) : FromJson(path);
    }

    private static float[] FromSafetensors(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TensorView[] candidates = file.Tensors.Count == 1 ? [.. file.Tensors.Values] : [.. s_names.Where(file.Tensors.ContainsKey).Select(n => file[n])];
        if (candidates.Length != 1)
            throw RefusedException.File(path, $"found {candidates.Length} tensors that may be a head bias among {file.Tensors.Count}, expected one tensor, or one named {string.Join(", ", s_names)}");
        TensorView bias = candidates[0];
        return bias.Shape.Count == 1 ? bias.ToSingles() : throw RefusedException.File(path, $"tensor '{bias.Name}': found shape {bias.ShapeText}, expected [classes]");
    }

    private static float[] FromJson(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } file) throw RefusedException.File(path, $"found {file.Length} bytes, expected at most {MaxBytes}");
        try
        {
            return JsonSerializer.Deserialize<float[]>(File.ReadAllBytes(path)) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw RefusedException.File(path, "is not a JSON array of numbers; expected one, or a .safetensors file", e);
        }
    }
}
