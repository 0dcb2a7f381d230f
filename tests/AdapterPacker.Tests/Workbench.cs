[assembly: AssemblyFixture(typeof(AdapterPacker.Tests.Workbench))]

namespace AdapterPacker.Tests;

/// <summary>Keys, a base and a signed bundle, made once by the program itself.</summary>
public sealed class Workbench : IDisposable
{
    internal const string Labels = "normal,benign,malignant";
    private readonly TemporaryFolder _folder = new();

    public Workbench()
    {
        Key = Path.Combine(_folder.Root, "keys", "signing.key.pem");
        PublicKey = Path.Combine(_folder.Root, "keys", "signing.pub.pem");
        Base = Path.Combine(_folder.Root, "base");
        RandomVit vit = new(1);
        Checkpoint = vit.WriteCheckpoint(_folder["vit.safetensors"]);
        Adapter = vit.WriteLoraVit(_folder["lesion_micro_lora_4_4.safetensors"]);
        Bundle = _folder["lesion.melo"];
        Packer.Done("keygen", "--out", Path.GetDirectoryName(Key)!);
        Packer.Done("base", "import", Checkpoint, "--out", Base, "--heads", "2");
        Int8Base = Path.Combine(_folder.Root, "base-int8");
        Packer.Done("base", "import", Checkpoint, "--out", Int8Base, "--heads", "2", "--precision", "fp32,int8");
        Fp16Base = Path.Combine(_folder.Root, "base-fp16");
        Packer.Done("base", "import", Checkpoint, "--out", Fp16Base, "--heads", "2", "--precision", "fp32,fp16");
        Packer.Done("pack", "--base", Base, "--adapter", Adapter, "--task", "lesion", "--labels", Labels, "--key", Key, "--out", Bundle);
    }

    public string Key { get; }
    public string PublicKey { get; }
    public string Base { get; }

    /// <summary>The same base with an int8 graph too.</summary>
    public string Int8Base { get; }

    /// <summary>The same base with an fp16 graph too.</summary>
    public string Fp16Base { get; }

    public string Checkpoint { get; }
    public string Adapter { get; }
    public string Bundle { get; }

    /// <summary>Arguments of a pack that works, but for what a test changes.</summary>
    public string[] Pack(string output, params string[] more) =>
        ["pack", "--base", Base, "--adapter", Adapter, "--task", "lesion", "--labels", Labels, "--out", output, .. more];

    public void Dispose() => _folder.Dispose();
}
