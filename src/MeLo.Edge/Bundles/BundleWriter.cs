using MeLo.Edge.Adapters;

namespace MeLo.Edge.Bundles;

/// <summary>
/// Writes bundles. Equal inputs give equal bytes, but for the signature, which ECDSA makes anew each time; and what is written was
/// read back by the code that will read it on a device.
/// </summary>
public static class BundleWriter
{
    /// <summary>A whole bundle.</summary>
    /// <param name="description">What it is.</param>
    /// <param name="adapter">The adapter that <paramref name="description"/> describes.</param>
    /// <param name="probe">The self-test: inputs of the description's size and the fp32 logits for them.</param>
    /// <param name="preview">A PNG file for a model card, or null.</param>
    /// <param name="key">The key to sign with; null leaves the bundle unsigned, and no device will take it.</param>
    /// <exception cref="BundleException">The parts do not belong together, or are over a limit of the format.</exception>
    public static byte[] Write(AdapterDescription description, LoraAdapter adapter, Probe probe, byte[]? preview, SigningKey? key)
    {
        string source = description.Task;
        AdapterTensors.Match(adapter, description, source);
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(StringComparer.Ordinal)
        {
            [BundleEntry.DescriptionName] = description.ToJson(),
            [BundleEntry.AdapterName] = AdapterTensors.Write(adapter),
            [BundleEntry.ProbeName] = probe.ToBytes(),
        };
        if (preview is not null) entries[BundleEntry.PreviewName] = preview;
        return Finish(entries, key, source);
    }

    /// <summary>Signs a bundle, signed before or not: its signature is replaced, everything else stays byte for byte.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="key">The key.</param>
    /// <param name="source">What to call the bundle in error messages.</param>
    /// <exception cref="BundleException">It is not a well-formed bundle.</exception>
    public static byte[] Sign(ReadOnlyMemory<byte> file, SigningKey key, string source)
    {
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(ZipReader.Read(file, source), StringComparer.Ordinal);
        entries.Remove(BundleEntry.SignatureName);
        return Finish(entries, key, source);
    }

    private static byte[] Finish(Dictionary<string, ReadOnlyMemory<byte>> entries, SigningKey? key, string source)
    {
        AdapterDescription description = BundleContents.Parse(entries, string.Empty, source).Description;
        if (key is not null)
            entries[BundleEntry.SignatureName] = ModelSignature.Sign(description.Task, Bundle.SignedResources(entries), key);
        return ZipWriter.Write(entries, source);
    }
}
