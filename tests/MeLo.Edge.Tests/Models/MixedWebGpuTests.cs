using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Models;

/// <summary>Mixed batches with every node on a WebGPU device.</summary>
[Collection(nameof(DeviceTests))]
public sealed class MixedWebGpuTests
{
    private static readonly VitArchitecture s_micro = VitArchitecture.Named("vit_d64_l3_h4_m256_patch8_32");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryMix_GivesEachImageTheLogitsOfItsOwnTask(bool average)
    {
        RandomVit vit = new(average ? s_micro with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling } : s_micro);
        using TemporaryFolder folder = new();
        using BasePackage package = MixedGraphTests.Import(folder, vit, AdaptableSet.All);
        using BaseRun merged = new(package);
        using MixedRun mixed = new(package, Options());
        LoraAdapter[] adapters = MixedTasks.Every(vit.Architecture);
        Random random = new(12);
        foreach (int batch in (int[])[1, 8])
        {
            float[][] images = MixedGraphTests.Images(vit.Pixels(batch, batch), batch);
            int[] tasks = [.. images.Select(_ => random.Next(adapters.Length))];
            float[][] logits = mixed.Logits([.. images.SelectMany(i => i)], adapters, tasks);
            for (int i = 0; i < batch; i++) Closeness.AssertWithin(1e-3, merged.Logits(images[i], adapters[tasks[i]]), logits[i]);
        }
    }

    // A session of these is refused where a node of its graph would run on the host.
    private static OrtSessionOptions Options()
    {
        DeviceTests.RequireDevice();
        WebGpuProvider provider = new();
        return provider.Options(SessionThreads.Of(1)).With("session.disable_cpu_ep_fallback", "1");
    }
}
