using MeLo.Edge.Adapters;

namespace AdapterPacker;

/// <summary>What <c>--adapter</c> names: a LoRA-ViT file or a PEFT folder.</summary>
internal static class AdapterSource
{
    public static ImportedAdapter Read(string path, int? rank, int? alpha, float[]? headBias, int depth)
    {
        if (Directory.Exists(path))
        {
            if (rank is not null || alpha is not null)
                throw UsageException.Options("--rank and --alpha are for LoRA-ViT files; a PEFT folder's adapter_config.json says both.");
            return PeftFolder.Read(path, depth, headBias);
        }
        if (!File.Exists(path)) throw RefusedException.File(path, $"found nothing at {path}, expected LoRA-ViT's safetensors or a PEFT folder");
        return LoraVitFile.Read(path, rank, alpha, headBias);
    }
}
