using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Service.Demo;

/// <summary>Makes bundles for generated adapters as a model developer would: probe from the base, description, signature.</summary>
internal static class DemoBundles
{
    private const int ProbeInputs = 2;

    /// <summary>A whole bundle; unsigned without a key.</summary>
    public static byte[] Make(EdgeEngine engine, DemoTask task, int release, SigningKey? key, DateTimeOffset created)
    {
        LoraAdapter adapter = DemoModel.Adapter(task, release);
        float[] pixels = DemoModel.ProbePixels(task, ProbeInputs);
        long[] shape = [ProbeInputs, 3, DemoModel.ImageSize, DemoModel.ImageSize];
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
        Title = task.Title,
        Base = engine.Base.Digest,
        Architecture = engine.Base.Architecture.Name,
        Lora = new LoraDescription(adapter.Rank, adapter.Rank, adapter.Scale, adapter.Targets, "lora-vit"),
        Head = new HeadDescription(task.Labels, task.Activation, "zero"),
        Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, DemoModel.ImageSize, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f])),
        Tolerance = new ProbeTolerance(1e-3),
        Card = new ModelCard { Task = task.Title, IntendedUse = "Demonstration only: generated weights, not trained, not for clinical use.", Licence = "Apache-2.0" },
        Created = created,
    };
}
