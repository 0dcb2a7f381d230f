using MeLo.Edge.Bundles;
using MeLo.Edge.Models;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Bases;

[assembly: AssemblyFixture(typeof(MeLo.Edge.Training.Tests.Commands.TrainingBench))]

namespace MeLo.Edge.Training.Tests.Commands;

/// <summary>A key, a base of random weights and a folder of pictures: dark ones and bright ones with a spot.</summary>
public sealed class TrainingBench : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainingBench()
    {
        VitArchitecture vit = new() { ImageSize = 32, PatchSize = 8, Dim = 64, Depth = 3, Heads = 4, MlpDim = 128 };
        Key = _folder["signing.key.pem"];
        using (SigningKey key = SigningKey.Generate(SigningCurve.P256)) key.WritePrivatePem(Key);
        string weights = _folder["random.safetensors"];
        using (FileStream file = File.Create(weights)) RandomWeights.Write(file, vit, seed: 3);
        using (Tensors.SafetensorsFile random = Tensors.SafetensorsFile.Open(weights))
        using (FileStream file = File.Create(_folder["vit.safetensors"]))
            TimmCheckpoint.Write(file, vit, CanonicalWeights.Of(vit).ToDictionary(w => w.Name, w => random[w.Name].ToSingles()), half: false);
        Base = Path.Combine(_folder.Root, "base");
        BaseImport.Import(_folder["vit.safetensors"], Base, new BaseImportOptions { Heads = 4 });
        Pictures = Path.Combine(_folder.Root, "pictures");
        for (int i = 0; i < 80; i++) WritePicture(i);
    }

    public string Key { get; }

    public string Base { get; }

    /// <summary>A folder a class, 40 pictures each.</summary>
    public string Pictures { get; }

    /// <summary>Arguments of a training that takes a second or two.</summary>
    public string[] Train(string output, int epochs = 3, params string[] more) =>
        ["train", "--base", Base, "--data", Pictures, "--task", "spots", "--key", Key, "--out", output, "--epochs", $"{epochs}", "--batch", "16", "--warmup", "0", .. more];

    public void Dispose() => _folder.Dispose();

    private void WritePicture(int i)
    {
        const int Size = 40;
        SplitMix64 random = new((ulong)i);
        bool spot = i % 2 == 1;
        ushort[] samples = new ushort[Size * Size];
        for (int k = 0; k < samples.Length; k++) samples[k] = (ushort)random.Below(20_000);
        int left = random.Below(Size - 12), top = random.Below(Size - 12);
        for (int y = top; spot && y < top + 12; y++)
            for (int x = left; x < left + 12; x++) samples[(y * Size) + x] = 60_000;
        string folder = Directory.CreateDirectory(Path.Combine(Pictures, spot ? "spot" : "none")).FullName;
        File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), PngFile.Write(new Picture(Size, Size, 1, samples), 8));
    }
}
