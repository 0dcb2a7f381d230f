namespace MeLo.Edge.Adapters;

/// <summary>An adapter as read from a training tool's files, with where its numbers came from.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Alpha">The alpha that the scale was computed from.</param>
/// <param name="Source">The form it was read from: <c>lora-vit</c> or <c>peft</c>.</param>
/// <param name="BiasSource">
/// Where the head's bias came from: <c>zero</c> (the file holds none), <c>file</c> (given beside it) or <c>adapter</c> (the adapter's own).
/// </param>
public sealed record ImportedAdapter(LoraAdapter Adapter, double Alpha, string Source, string BiasSource)
{
    /// <summary><see cref="Source"/> of LoRA-ViT's safetensors files.</summary>
    public const string LoraVitSource = "lora-vit";

    /// <summary><see cref="Source"/> of Hugging Face PEFT folders.</summary>
    public const string PeftSource = "peft";

    /// <summary><see cref="BiasSource"/> when there is no bias.</summary>
    public const string ZeroBias = "zero";

    /// <summary><see cref="BiasSource"/> when a file beside the adapter gave the bias.</summary>
    public const string FileBias = "file";

    /// <summary><see cref="BiasSource"/> when the adapter's own files hold the bias.</summary>
    public const string AdapterBias = "adapter";
}
