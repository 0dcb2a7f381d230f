using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using MeLo.Edge.Bundles;

namespace AdapterPacker.Commands;

/// <summary><c>sign</c>: a signature for a bundle, in the place of the one it may have.</summary>
internal sealed class SignCommand : ToolCommand
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
        string? chain = parsed.GetValue(_certificate);
        using SigningKey key = SigningKey.FromPemFile(parsed.GetRequiredValue(_key), chain);
        if (chain is not null) CheckNotExpired(chain);
        byte[] signed = BundleWriter.Sign(File.ReadAllBytes(path), key, source);
        if (!key.HasCertificates) Bundle.Open(signed, TrustStore.FromKey(key), source);
        OutputFile.Write(path, FileKind.Bundle, signed);
        output.WriteLine($"{path}: signed with key {key.KeyHint}{(key.HasCertificates ? " and its certificate chain" : "")}");
        return ToolProgram.Done;
    }

    // A signature counts while its certificates are valid: with an expired one no device would ever take the bundle.
    private static void CheckNotExpired(string chain)
    {
        X509Certificate2Collection certificates = [];
        certificates.ImportFromPemFile(chain);
        DateTime now = TimeProvider.System.GetUtcNow().UtcDateTime;
        foreach (X509Certificate2 certificate in certificates)
            using (certificate)
                if (certificate.NotAfter.ToUniversalTime() < now)
                    throw RefusedException.File(chain, string.Create(CultureInfo.InvariantCulture, $"found certificate '{certificate.Subject}', which expired at {certificate.NotAfter.ToUniversalTime():u}, expected one that is still valid"));
    }
}
