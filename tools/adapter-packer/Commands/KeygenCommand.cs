using System.CommandLine;
using MeLo.Edge.Bundles;

namespace AdapterPacker.Commands;

/// <summary><c>keygen</c>: a new signing key and the public key that devices trust.</summary>
internal sealed class KeygenCommand : ToolCommand
{
    private const string PrivateName = "signing.key.pem";
    private const string PublicName = "signing.pub.pem";

    private readonly Option<string> _out = new("--out")
    {
        Description = $"Folder for {PrivateName} (readable by you alone) and {PublicName}; made if it is not there.", Required = true, HelpName = "DIR",
    };

    private readonly Option<string> _curve = new Option<string>("--curve")
    {
        Description = "The elliptic curve.", DefaultValueFactory = _ => "p256", HelpName = "p256|p384|p521",
    };

    public KeygenCommand()
        : base("keygen", "Makes a signing key, and the public key that goes into a device's trust folder.")
    {
        _curve.AcceptOnlyFromAmong("p256", "p384", "p521");
        Add(_out);
        Add(_curve);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer keygen --out keys",
        "adapter-packer keygen --out keys --curve p384",
        "",
        $"Keep {PrivateName} where bundles are made; copy {PublicName} into the trust folder of each device.",
        "An existing key is never replaced. OpenSSL reads both files, and keys that OpenSSL made sign as well:",
        "openssl ecparam -name prime256v1 -genkey -noout -out signing.key.pem",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string folder = parsed.GetRequiredValue(_out);
        Directory.CreateDirectory(folder);
        string privatePath = Path.Combine(folder, PrivateName), publicPath = Path.Combine(folder, PublicName);
        foreach (string path in (string[])[privatePath, publicPath])
            if (Path.Exists(path)) throw RefusedException.File(path, $"found a file of that name in {folder}, expected none: a key is never replaced");
        using SigningKey key = SigningKey.Generate(Enum.Parse<SigningCurve>(parsed.GetRequiredValue(_curve), ignoreCase: true));
        key.WritePrivatePem(privatePath);
        try
        {
            key.WritePublicPem(publicPath);
        }
        catch
        {
            File.Delete(privatePath);
            throw;
        }
        output.WriteLine($"{privatePath}: private key, {key.Curve}; keep it secret");
        output.WriteLine($"{publicPath}: public key, for the trust folders of devices");
        output.WriteLine($"key hint {key.KeyHint}");
        return ToolProgram.Done;
    }
}
