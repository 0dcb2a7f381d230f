using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Models;

/// <summary>Runs the graph of mixed batches on a base package, as plainly as can be: the graph from memory, its constants from the package's folder.</summary>
internal sealed unsafe class MixedRun : IDisposable
{
    private readonly BasePackage _package;
    private readonly ElementType _type;

    /// <param name="package">The base.</param>
    /// <param name="options">How the session is created; two threads of the processor when null.</param>
    /// <param name="precision">The precision of the graph, fp32 or fp16.</param>
    public MixedRun(BasePackage package, OrtSessionOptions? options = null, Precision precision = Precision.Fp32)
    {
        _package = package;
        _type = precision == Precision.Fp16 ? ElementType.F16 : ElementType.F32;
        using OrtSessionOptions used = (options ?? new OrtSessionOptions().WithThreads(2)).WithExternalData(package.Folder);
        using SafetensorsFile? own = BasePackage.OwnWeightsFile(precision) is { } file ? SafetensorsFile.Open(Path.Combine(package.Folder, file)) : null;
        Session = OrtSession.Create(OnnxWriter.ToBytes(VitGraph.BuildMixed(package.Architecture, package.Weights, package.AdaptableLinears, own)), used);
    }

    public OrtSession Session { get; }

    public void Dispose() => Session.Dispose();

    /// <summary>Each image's logits.</summary>
    /// <param name="pixels">[batch, 3, size, size]</param>
    /// <param name="adapters">The tasks in the stacks.</param>
    /// <param name="tasks">Each image's place in them.</param>
    public float[][] Logits(float[] pixels, IReadOnlyList<LoraAdapter> adapters, params int[] tasks)
    {
        VitArchitecture vit = _package.Architecture;
        AdapterStack stack = Stack(adapters, _package, _type);
        using HostBuffer memory = new(stack.ByteLength);
        new Span<byte>(memory.Pointer, (int)memory.ByteLength).Fill(0xFF); // NaN where nobody writes
        stack.Pack(memory.Pointer);
        List<string> names = [VitGraph.PixelValues, VitGraph.HeadWeight, VitGraph.HeadBias];
        List<OrtValue> values =
        [
            OrtValue.FromArray(pixels, [tasks.Length, 3, vit.ImageSize, vit.ImageSize]), Value(stack.HeadWeight), Value(stack.HeadBias),
        ];
        List<NativeBytes> pristine = [];
        foreach (LinearId id in _package.AdaptableLinears)
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            float[] weight = _package.Weights[CanonicalWeights.LinearWeight(id)].ToSingles();
            pristine.Add(new NativeBytes(_type == ElementType.F16 ? MemoryMarshal.AsBytes<Half>(Array.ConvertAll(weight, v => (Half)v)) : MemoryMarshal.AsBytes<float>(weight)));
            names.AddRange(CanonicalWeights.LinearWeight(id), VitGraph.LoraA(id), VitGraph.LoraB(id));
            values.AddRange(OrtValue.Over(pristine[^1].Pointer, pristine[^1].Length, _type, [input, output]), Value(stack.A(id)), Value(stack.B(id)));
        }
        names.Add(VitGraph.Tasks);
        fixed (int* indices = tasks)
        {
            values.Add(OrtValue.Over(indices, tasks.Length * sizeof(int), ElementType.I32, [tasks.Length]));
            OrtValue[] outputs = Session.Run([.. names], [.. values], [VitGraph.Logits]);
            try
            {
                Assert.Equal([tasks.Length, stack.Classes], outputs[0].Info.Dimensions);
                float[] logits = outputs[0].AsSpan<float>().ToArray();
                return [.. tasks.Select((task, image) => stack.Logits(logits, image, task).ToArray())];
            }
            finally
            {
                foreach (OrtValue value in values.Concat(outputs)) value.Dispose();
                foreach (NativeBytes weight in pristine) weight.Dispose();
            }
        }

        OrtValue Value(StackedTensor tensor) => OrtValue.Over(memory.Pointer + tensor.Offset, tensor.ByteLength, tensor.Type, tensor.Shape);
    }

    /// <summary>The stacks of these tasks for a base.</summary>
    public static AdapterStack Stack(IReadOnlyList<LoraAdapter> adapters, BasePackage package, ElementType type = ElementType.F32) => new(
        adapters, package.AdaptableLinears.Select(id => (id, package.Architecture.LinearShape(id.Linear).In, package.Architecture.LinearShape(id.Linear).Out)), type);
}
