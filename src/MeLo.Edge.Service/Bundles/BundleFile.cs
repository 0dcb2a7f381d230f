using MeLo.Edge.Bundles;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Bundles;

/// <summary>A file in the bundles folder whose signature was verified.</summary>
/// <param name="Name">Its file name.</param>
/// <param name="Path">Its full path.</param>
/// <param name="Stamp">The state that was read.</param>
/// <param name="Bundle">What it holds, read once.</param>
internal sealed record BundleFile(string Name, string Path, FileStamp Stamp, Bundle Bundle)
{
    public string Task => Bundle.Description.Task;

    public int Release => Bundle.Description.Release;

    public string Digest => Bundle.Digest;

    /// <summary>Who signed: the key's digest, which an auditor can compare; the trust folder's file name says less.</summary>
    public string Signer => Bundle.Signature.Method == SigningMethod.Certificate
        ? $"{Bundle.Signature.Signer} (key {Bundle.Signature.KeyHint})" : $"key {Bundle.Signature.KeyHint}";
}
