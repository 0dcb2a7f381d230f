using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using AdapterPacker.Commands;

namespace AdapterPacker;

/// <summary>The usual help, followed by the command's examples.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    private static readonly string[] s_rootExamples =
    [
        "From a checkpoint and a trained adapter to a bundle that a device will take:",
        "  adapter-packer keygen --out keys",
        "  adapter-packer base import vit_base_patch16_224.safetensors --out base",
        "  adapter-packer pack --base base --adapter blood_base_lora_4_4.safetensors --task blood-cell \\",
        "    --labels eosinophil,lymphocyte,monocyte,neutrophil --key keys/signing.key.pem --out blood-cell.melo",
        "  adapter-packer verify blood-cell.melo --trust keys/signing.pub.pem --base base",
        "",
        "Exit codes: 0 done; 1 the input was refused, with one line on stderr; 2 wrong usage.",
    ];

    // Help is asked for before a command line is complete.
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = help.Invoke(parseResult);
        IReadOnlyList<string> examples = parseResult.CommandResult.Command switch
        {
            PackerCommand command => command.Examples,
            RootCommand => s_rootExamples,
            _ => [],
        };
        if (examples.Count == 0) return code;
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string line in examples) output.WriteLine(line.Length == 0 ? line : "  " + line);
        return code;
    }
}
