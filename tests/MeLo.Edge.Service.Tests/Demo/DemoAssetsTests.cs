using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Phantoms;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Demo;

public sealed class DemoAssetsTests : IDisposable
{
    // None of them is a seed of the sets that tools/demo-assets.sh draws, which are mixed twice.
    private const ulong FirstSeed = 5_000_000;
    private const int Pictures = 60;

    private readonly TemporaryFolder _folder = new();
    private readonly EdgeEngine _engine;

    public DemoAssetsTests()
    {
        DemoAssets.WriteCheckpoint(_folder["base.safetensors"]);
        BaseImport.Import(_folder["base.safetensors"], _folder["base"], new BaseImportOptions { Heads = DemoAssets.Heads });
        _engine = EdgeEngine.Load(_folder["base"]);
    }

    public void Dispose()
    {
        _engine.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string, double> Tasks => new() { { "tuberculosis", 0.8 }, { "blood-cell", 0.9 }, { "breast-mass", 0.7 } };

    [Theory]
    [MemberData(nameof(Tasks))]
    public async Task ATaskAnswersPicturesThatItHasNotSeen(string name, double accuracy)
    {
        DemoTask task = DemoTask.All.Single(t => t.Name == name);
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Bundle bundle = Bundle.Open(DemoAssets.Bundle(name, key), TrustStore.FromKey(key), name);
        Assert.Equal(task.Labels, bundle.Description.Head.Labels);
        Assert.Contains("synthetic phantoms, not for clinical use", bundle.Description.Card!.IntendedUse, StringComparison.Ordinal);
        _engine.Install(bundle);
        int right = 0;
        for (int i = 0; i < Pictures; i++)
        {
            string path = _folder[$"{i}.png"];
            File.WriteAllBytes(path, PngFile.Write(task.Phantom.Draw(FirstSeed + (ulong)i, i % task.Labels.Count, 200, 150), 8));
            if ((await _engine.PredictAsync(name, path, TestContext.Current.CancellationToken)).Label == task.Labels[i % task.Labels.Count]) right++;
        }
        Assert.InRange(right / (double)Pictures, accuracy, 1);
    }

    [Fact]
    public async Task TheTaskOfVolumesAnswersThoseThatItHasNotSeen()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Bundle bundle = Bundle.Open(DemoAssets.Bundle(DemoVolumes.TaskName, key), TrustStore.FromKey(key), DemoVolumes.TaskName);
        Assert.Equal(DemoVolumes.Labels, bundle.Description.Head.Labels);
        Assert.Equal("volume", bundle.Description.Input.Kind);
        _engine.Install(bundle);
        int right = 0;
        for (int i = 0; i < Pictures; i++)
        {
            byte[] volume = NpyFile.Write(OrganPhantom.Draw(FirstSeed + (ulong)i, i % 2, 32));
            if ((await _engine.PredictAsync(DemoVolumes.TaskName, volume, TestContext.Current.CancellationToken)).Label == DemoVolumes.Labels[i % 2]) right++;
        }
        Assert.InRange(right / (double)Pictures, 0.7, 1);
    }
}
