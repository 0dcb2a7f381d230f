using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests;

/// <summary>Makes bundles for generated adapters as a model developer would: probe from the base, description, signature.</summary>
internal static class GeneratedBundle
{
    private const int ProbeInputs = 2;

    /// <summary>A whole bundle; unsigned without a key.</summary>
    public static byte[] Make(EdgeEngine engine, DemoTask task, int release, SigningKey? key, DateTimeOffset created)
    {
        LoraAdapter adapter = GeneratedModel.Adapter(task, release);
        float[] pixels = GeneratedModel.ProbePixels(task, ProbeInputs);
        long[] shape = [ProbeInputs, 3, GeneratedModel.ImageSize, GeneratedModel.ImageSize];
        Probe probe = new(pixels, shape, engine.Evaluate(adapter, pixels, shape), task.Labels.Count);
        return BundleWriter.Write(Describe(engine, task, release, adapter, created), adapter, probe, preview: null, key);
    }

    /// <summary>The same bundle with one byte changed after it was signed.</summary>
    public static byte[] Tampered(byte[] bundle)
    {
        byte[] changed = [.. bundle];
        changed[bundle.Length / 2] ^= 0x01;
        return changed;
    }

    private static AdapterDescription Describe(EdgeEngine engine, DemoTask task, int release, LoraAdapter adapter, DateTimeOffset created) => new()
    {
        Task = task.Name,
        Release = release,
        Title = task.Name,
        Base = engine.Base.Digest,
        Architecture = engine.Base.Architecture.Name,
        Lora = new LoraDescription(adapter.Rank, adapter.Rank, adapter.Scale, adapter.Targets, "lora-vit"),
        Head = new HeadDescription(task.Labels, HeadActivation.Softmax, "zero"),
        Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, GeneratedModel.ImageSize, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f])),
        Tolerance = new ProbeTolerance(1e-3),
        Card = new ModelCard { Task = task.Name, IntendedUse = "Tests only: generated weights, not trained, not for clinical use.", Licence = "Apache-2.0" },
        Created = created,
    };
}
