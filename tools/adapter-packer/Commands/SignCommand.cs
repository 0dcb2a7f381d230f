using System.CommandLine;
using MeLo.Edge.Bundles;

namespace AdapterPacker.Commands;

/// <summary><c>sign</c>: a signature for a bundle, in the place of the one it may have.</summary>
internal sealed class SignCommand : PackerCommand
{
    private readonly Argument<string> _file = new("FILE.melo") { Description = "The bundle; it is replaced by the signed one." };
    private readonly Option<string> _key = new("--key") { Description = "The signing key.", Required = true, HelpName = "KEY.pem" };
    private readonly Option<string?> _certificate = new("--certificate") { Description = "The key's certificate and those that issued it, leaf first: signs in certificate mode.", HelpName = "CHAIN.pem" };

    public SignCommand()
        : base("sign", "Signs a bundle, or replaces its signature.")
    {
        Add(_file);
        Add(_key);
        Add(_certificate);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer sign blood-cell.melo --key keys/signing.key.pem",
        "adapter-packer sign blood-cell.melo --key vendor.key.pem --certificate vendor-chain.pem",
        "",
        "The signature is OpenSSF Model Signing v1: any tool of that specification verifies the unzipped bundle.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_file);
        string source = Path.GetFileName(path);
        using SigningKey key = SigningKey.FromPemFile(parsed.GetRequiredValue(_key), parsed.GetValue(_certificate));
        byte[] signed = BundleWriter.Sign(File.ReadAllBytes(path), key, source);
        if (!key.HasCertificates) Bundle.Open(signed, TrustStore.FromKey(key), source);
        OutputFile.Write(path, signed);
        output.WriteLine($"{path}: signed with key {key.KeyHint}{(key.HasCertificates ? " and its certificate chain" : "")}");
        return PackerProgram.Done;
    }
}
