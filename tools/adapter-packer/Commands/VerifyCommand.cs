using System.CommandLine;
using System.Globalization;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace AdapterPacker.Commands;

/// <summary><c>verify</c>: whether a device with that trust folder, and that base, would take a bundle.</summary>
internal sealed class VerifyCommand : ToolCommand
{
    private readonly Argument<string> _file = new("FILE.melo") { Description = "The bundle." };
    private readonly Option<string> _trust = new("--trust") { Description = "A public key or CA certificate, or a folder of them: a device's trust folder.", Required = true, HelpName = "FILE_OR_DIR" };
    private readonly Option<string?> _base = new("--base") { Description = "A base package: checks that the bundle fits it, and runs the probe.", HelpName = "DIR" };

    public VerifyCommand()
        : base("verify", "Verifies a bundle's signature and content, and with --base that it works there.")
    {
        Add(_file);
        Add(_trust);
        Add(_base);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer verify blood-cell.melo --trust keys/signing.pub.pem",
        "adapter-packer verify blood-cell.melo --trust /var/lib/melo/trust --base /var/lib/melo/base",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_file);
        Bundle bundle = Bundle.Open(path, TrustStore.FromFileOrDirectory(parsed.GetRequiredValue(_trust)));
        AdapterDescription description = bundle.Description;
        if (description.IsExpired(TimeProvider.System))
            throw RefusedException.File(path, string.Create(CultureInfo.InvariantCulture, $"found a bundle that expired at {description.Expires:O}, expected one that is still valid"));
        output.WriteLine($"{path}: task {description.Task}, release {description.Release}");
        output.WriteLine($"bundle {bundle.Digest}");
        output.WriteLine($"signed by {bundle.Signature.Signer} ({(bundle.Signature.Method == SigningMethod.Key ? "key" : "certificate")} {bundle.Signature.KeyHint})");
        if (parsed.GetValue(_base) is not { } folder) return ToolProgram.Done;
        using EdgeEngine engine = EdgeEngine.Load(folder, new EdgeEngineOptions { Precision = BasePackage.PrecisionsOf(folder)[0] });
        InstalledTask installed = engine.Install(bundle);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"fits base {engine.Base.Digest}; probe difference {installed.ProbeDifference:G3} in {installed.Precision.Name()}"));
        return ToolProgram.Done;
    }
}
