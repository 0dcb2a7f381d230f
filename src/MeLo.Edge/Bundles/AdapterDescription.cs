using MeLo.Edge.Adapters;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Bundles;

/// <summary>What a bundle says about its adapter: the content of <c>adapter.json</c>, schema <c>melo.adapter/1</c>.</summary>
public sealed record AdapterDescription
{
    /// <summary>The schema that this library reads and writes.</summary>
    public const string CurrentSchema = "melo.adapter/1";

    /// <summary>What <see cref="Base"/> starts with.</summary>
    public const string DigestPrefix = BaseDigest.Prefix;

    /// <summary>The schema; always <see cref="CurrentSchema"/>.</summary>
    public string Schema { get; } = CurrentSchema;

    /// <summary>The clinical question's stable name, <c>[a-z0-9][a-z0-9._-]{0,62}</c>.</summary>
    public required string Task { get; init; }

    /// <summary>The task's version, from 1; it only goes up.</summary>
    public required int Release { get; init; }

    /// <summary>A name for people, one line.</summary>
    public required string Title { get; init; }

    /// <summary>The digest of the base that the adapter was trained on: <c>sha256:</c> and 64 lower-case hex digits.</summary>
    public required string Base { get; init; }

    /// <summary>The base's architecture by name, <c>vit_base_patch16_224</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The low-rank matrices.</summary>
    public required LoraDescription Lora { get; init; }

    /// <summary>The head: what the logits mean.</summary>
    public required HeadDescription Head { get; init; }

    /// <summary>What goes in.</summary>
    public required InputDescription Input { get; init; }

    /// <summary>How far a device's logits may be from the probe's.</summary>
    public required ProbeTolerance Tolerance { get; init; }

    /// <summary>
    /// The one precision that the task may run in, whatever the device's own is: <see cref="Models.Precision.Fp32"/>, which is the only one a
    /// bundle can demand. Null leaves it to the device, within <see cref="Tolerance"/>.
    /// </summary>
    public Precision? Precision { get; init; }

    /// <summary>The model card, or null when the author gave none.</summary>
    public ModelCard? Card { get; init; }

    /// <summary>When the bundle was packed.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the bundle must no longer be activated; null for never. Later than <see cref="Created"/>.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Whether <see cref="Expires"/> has come.</summary>
    public bool IsExpired(TimeProvider time) => Expires <= time.GetUtcNow();

    /// <summary>Whether a text is a task's name.</summary>
    public static bool IsTaskName(string text) => AdapterDescriptionReader.IsTaskName(text);

    /// <summary>Reads <c>adapter.json</c>.</summary>
    /// <param name="utf8">The document.</param>
    /// <param name="source">What to call it in error messages.</param>
    /// <exception cref="BundleException">It is not a description; the message lists every fault with its JSON path.</exception>
    public static AdapterDescription Parse(ReadOnlyMemory<byte> utf8, string source) => AdapterDescriptionReader.Read(utf8, source);

    /// <summary>The document, UTF-8, for people and programs; equal descriptions give equal bytes.</summary>
    public byte[] ToJson() => AdapterDescriptionWriter.Write(this);
}

/// <summary>The low-rank matrices of an adapter.</summary>
/// <param name="Rank">The largest rank of any pair, from 1.</param>
/// <param name="Alpha">The alpha it was trained with; finite.</param>
/// <param name="Scale">The factor s of W' = W + s·B·A; finite and not 0.</param>
/// <param name="Targets">The linears that the adapter changes in every block.</param>
/// <param name="Source">The form it was read from: <c>lora-vit</c>, <c>peft</c>.</param>
public sealed record LoraDescription(int Rank, double Alpha, double Scale, IReadOnlyList<VitLinear> Targets, string Source);

/// <summary>The head of an adapter.</summary>
/// <param name="Labels">The classes in the order of the logits (of a volume, of those that its slices' become): unique, not empty, one line each.</param>
/// <param name="Activation">What turns logits into probabilities.</param>
/// <param name="BiasSource">Where the bias came from: <c>zero</c>, <c>file</c> or <c>adapter</c>.</param>
public sealed record HeadDescription(IReadOnlyList<string> Labels, HeadActivation Activation, string BiasSource);

/// <summary>What turns logits into probabilities.</summary>
public enum HeadActivation
{
    /// <summary>One class of several: probabilities add up to 1.</summary>
    Softmax,
    /// <summary>Each label for itself.</summary>
    Sigmoid,
}

/// <summary>What goes into the model.</summary>
/// <param name="Preprocess">How a picture becomes the input.</param>
/// <param name="Dicom">Which values of a DICOM image become black and white, and of a volume of numbers that are no levels of gray; null where the bundle takes neither.</param>
/// <param name="Volume">Which slices of a volume are looked at, and how the answers become one; null where the bundle takes images.</param>
public sealed record InputDescription(PreprocessRecipe Preprocess, DicomVoi? Dicom = null, VolumeRecipe? Volume = null)
{
    /// <summary>One picture.</summary>
    public const string ImageKind = "image";

    /// <summary>Slices of a volume.</summary>
    public const string VolumeKind = "volume";

    /// <summary>The kind of input: <see cref="ImageKind"/> or <see cref="VolumeKind"/>.</summary>
    public string Kind => Volume is null ? ImageKind : VolumeKind;
}

/// <summary>
/// How far a device's logits may be from the probe's, by precision: the largest absolute difference over max(1, the largest
/// |expected logit|). Positive and finite.
/// </summary>
/// <param name="Fp32">For fp32 graphs.</param>
/// <param name="Int8">For int8 graphs; null: the bundle must not run in int8.</param>
/// <param name="Fp16">For fp16 graphs; null: the bundle must not run in fp16.</param>
#pragma warning disable CA1720 // "int8" is the word of the field and of the document
public sealed record ProbeTolerance(double Fp32, double? Int8 = null, double? Fp16 = null)
{
    /// <summary>For graphs of a precision; null: the bundle must not run in it.</summary>
    public double? Of(Precision precision) => precision switch
    {
        Precision.Fp32 => Fp32,
        Precision.Fp16 => Fp16,
        Precision.Int8 => Int8,
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, null),
    };
}
#pragma warning restore CA1720
