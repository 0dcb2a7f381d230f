using System.CommandLine;
using AdapterPacker.Commands;

namespace AdapterPacker;

/// <summary>The program <c>adapter-packer</c>.</summary>
internal static class PackerProgram
{
    private static readonly string[] s_examples =
    [
        "From a checkpoint and a trained adapter to a bundle that a device will take:",
        "  adapter-packer keygen --out keys",
        "  adapter-packer base import vit_base_patch16_224.safetensors --out base",
        "  adapter-packer pack --base base --adapter blood_base_lora_4_4.safetensors --task blood-cell \\",
        "    --labels eosinophil,lymphocyte,monocyte,neutrophil --key keys/signing.key.pem --out blood-cell.melo",
        "  adapter-packer verify blood-cell.melo --trust keys/signing.pub.pem --base base",
    ];

    /// <summary>Runs the program.</summary>
    public static Task<int> RunAsync(string[] args, TextWriter output, TextWriter error) => ToolProgram.RunAsync("adapter-packer", Root(), args, output, error);

    /// <summary>The tree of commands.</summary>
    public static RootCommand Root() => ToolProgram.Root(
        "Turns trained low-rank adapters into signed MeLo Edge bundles, and checks them.",
        s_examples,
        new KeygenCommand(),
        new Command("base", "Base packages: the frozen Vision Transformer that adapters change.") { new BaseImportCommand() },
        new PackCommand(),
        new SignCommand(),
        new VerifyCommand(),
        new InspectCommand(),
        new CheckCommand());
}
