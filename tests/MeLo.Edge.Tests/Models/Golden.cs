using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>A golden set's base, one adapter or head for it, and what PyTorch answers.</summary>
internal sealed class Golden : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly BasePackage _package;
    private readonly LoraAdapter _adapter;
    private readonly float[] _pixels;
    private readonly long[] _shape;

    /// <param name="set">The folder in shared/golden.</param>
    /// <param name="adapter">An adapter of the set's; "imagenet" for the checkpoint's own head, "" for the features.</param>
    public Golden(string set, string adapter)
    {
        string checkpoint = set switch
        {
            "tiny" => SharedData.Data("models", "vit_tiny_patch16_224.safetensors"),
            "micro" => SharedData.Golden(set, "base.safetensors"),
            _ => SharedData.Golden(set),
        };
        Importing.Import(checkpoint, _folder["base"], new BaseImportOptions { Heads = set == "micro" ? 4 : null, Precisions = [Precision.Fp32, Precision.Fp16] });
        _package = BasePackage.Open(_folder["base"]);
        using SafetensorsFile file = SafetensorsFile.Open(SharedData.Golden(set, adapter == "imagenet" ? "imagenet.safetensors" : "expected.safetensors"));
        _pixels = file["pixel_values"].ToSingles();
        _shape = [.. file["pixel_values"].Shape];
        (string logits, _adapter) = adapter switch
        {
            "" => ("features.base", Untouched(Identity())),
            "imagenet" => ("logits", Untouched(OwnHead(checkpoint))),
            "peft" => ("logits.peft", PeftFolder.Read(SharedData.Golden(set, "peft"), _package.Architecture.Depth, null).Adapter),
            _ => ($"logits.{adapter[..adapter.IndexOf("_lora", StringComparison.Ordinal)]}_lora", LoraVitFile.Read(SharedData.Golden(set, $"{adapter}.safetensors"), null, null, null).Adapter),
        };
        Expected = file[logits].ToSingles();
    }

    /// <summary>Every set with everything that PyTorch's answers are there for.</summary>
    public static TheoryData<string, string> Sets => new()
    {
        { "micro", "" }, { "micro", "tb_micro_lora_4_4" }, { "micro", "blood_micro_lora_4_8" }, { "micro", "chest_micro_lora_8_8" },
        { "tiny", "" }, { "tiny", "tb_tiny_lora_4_4" }, { "tiny", "blood_tiny_lora_4_4" }, { "tiny", "imagenet" },
        { "hf_micro", "" }, { "hf_micro", "peft" },
    };

    /// <summary>What PyTorch answers, in binary32.</summary>
    public float[] Expected { get; }

    /// <summary>What the engine answers on a WebGPU device, where every operator runs.</summary>
    public float[] OnWebGpu(Precision precision)
    {
        using EdgeEngine engine = EdgeEngine.Load(_package.Folder, new EdgeEngineOptions { Provider = ExecutionProvider.WebGpu, Precision = precision, Strict = true, Threads = 1 });
        return engine.Evaluate(_adapter, _pixels, _shape, TestContext.Current.CancellationToken);
    }

    /// <summary>What the fp16 graph answers on this processor.</summary>
    public float[] OnProcessor()
    {
        using BaseRun run = new(_package, Precision.Fp16);
        return run.Logits(_pixels, _adapter);
    }

    /// <summary>What the fp16 graph answers on a twin of a device.</summary>
    public float[] On(HalfArithmetic arithmetic)
    {
        using SafetensorsFile rounded = SafetensorsFile.Open(Path.Combine(_package.Folder, "weights.fp16.safetensors"));
        GraphBuilder graph = VitGraph.BuildFp16(_package.Architecture, _package.Weights, _package.AdaptableLinears, rounded);
        using BaseRun run = new(_package, HalfDevice.Session(graph, _package.Folder, arithmetic));
        return run.Logits(_pixels, _adapter);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _package.Dispose();
        _folder.Dispose();
    }

    // One pair that changes nothing: an adapter has at least one.
    private LoraAdapter Untouched(TaskHead head)
    {
        int dim = _package.Architecture.Dim;
        return new LoraAdapter(1, [.. _package.AdaptableLinears.Select(id => new LoraPair(id, 1, dim, dim, new float[dim], new float[dim]))], head);
    }

    private TaskHead Identity()
    {
        int dim = _package.Architecture.Dim;
        float[] weight = new float[dim * dim];
        for (int i = 0; i < dim; i++) weight[i * (dim + 1)] = 1;
        return new TaskHead(dim, dim, weight, new float[dim]);
    }

    private TaskHead OwnHead(string checkpoint)
    {
        using SafetensorsFile file = SafetensorsFile.Open(checkpoint);
        return new TaskHead(1000, _package.Architecture.Dim, file["head.weight"].ToSingles(), file["head.bias"].ToSingles());
    }
}
