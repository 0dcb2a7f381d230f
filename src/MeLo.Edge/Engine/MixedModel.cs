using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The graph of mixed batches on a device: images of several tasks in one run, their adapters beside the pristine weights. The adapters of the last batches
/// stay on the device, so that a batch of the same tasks sends nothing but its pictures. Not thread-safe: runs take turns.
/// </summary>
internal sealed class MixedModel : IDisposable
{
    // As many tasks' adapters stay at most: 40 MB of rank 4 on ViT-B.
    private const int MaxTasks = 64;

    private readonly BasePackage _package;
    private readonly Provider _provider;
    private readonly ElementType _type;
    private readonly ResidentModel _beside;
    private readonly Predicate<InstalledTask> _isInstalled;
    private readonly OrtSession _session;
    private readonly Dictionary<InstalledTask, int> _places = [];
    private AdapterStack? _stack;
    private OrtIoBinding? _binding;

    /// <param name="package">The base.</param>
    /// <param name="precision">The precision of the model beside.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="strict">Whether a graph that would run partly on the host is refused.</param>
    /// <param name="beside">The resident model, held by the caller, whose pristine matrices serve this one too.</param>
    /// <param name="isInstalled">Whether a task is still one of the engine's: the adapters of others do not stay.</param>
    /// <exception cref="ProviderException">The device has no memory for it, or would run a part of it on the host.</exception>
    public MixedModel(BasePackage package, Precision precision, Provider provider, bool strict, ResidentModel beside, Predicate<InstalledTask> isInstalled)
    {
        _package = package;
        _provider = provider;
        _type = MergedFormat.Of(precision).Input(1, 1).Type;
        _beside = beside;
        _isInstalled = isInstalled;
        beside.TryHold();
        try
        {
            using OrtSessionOptions options = provider.Options(SessionThreads.Of(1)).WithExternalData(package.Folder);
            beside.Constants?.AddTo(options);
            using SafetensorsFile? own = package.OpenOwnWeights(precision);
            _session = OrtSession.Create(OnnxWriter.ToBytes(VitGraph.BuildMixed(package.Architecture, package.Weights, package.AdaptableLinears, own)), options);
            provider.NodesOnHost(_session, strict);
        }
        catch (Exception e)
        {
            Dispose();
            if (e is OrtException error && provider.DeviceError(error) is { } fault) throw fault;
            throw;
        }
    }

    /// <summary>The device memory of the adapters that stay there, in bytes.</summary>
    public long StackBytes => _stack?.ByteLength ?? 0;

    /// <summary>Whether the device holds the adapters of all these tasks.</summary>
    public bool HasAll(IEnumerable<InstalledTask> tasks) => tasks.All(_places.ContainsKey);

    /// <summary>Sends the adapters of tasks to the device, beside those of earlier ones as far as there is room.</summary>
    /// <exception cref="ProviderException">The device failed.</exception>
    public unsafe void Send(IReadOnlyCollection<InstalledTask> tasks)
    {
        InstalledTask[] all = [.. tasks.Union(_places.Keys.Where(t => _isInstalled(t)))];
        if (all.Length > MaxTasks) all = [.. tasks];
        DropStack();
        AdapterStack stack = new([.. all.Select(t => t.Adapter)],
            _package.AdaptableLinears.Select(id => (id, _package.Architecture.LinearShape(id.Linear).In, _package.Architecture.LinearShape(id.Linear).Out)), _type);
        using HostBuffer memory = new(stack.ByteLength);
        stack.Pack(memory.Pointer);
        OrtIoBinding binding = new(_session);
        try
        {
            // A binding copies what lies on the host, and keeps the copy.
            Bind(VitGraph.HeadWeight, stack.HeadWeight);
            Bind(VitGraph.HeadBias, stack.HeadBias);
            foreach (LinearId id in _package.AdaptableLinears)
            {
                binding.BindInput(CanonicalWeights.LinearWeight(id), _beside.Merger.Unadapted[id]);
                Bind(VitGraph.LoraA(id), stack.A(id));
                Bind(VitGraph.LoraB(id), stack.B(id));
            }
        }
        catch (OrtException e)
        {
            binding.Dispose();
            if (_provider.DeviceError(e) is { } fault) throw fault;
            throw;
        }
        (_stack, _binding) = (stack, binding);
        for (int i = 0; i < all.Length; i++) _places.Add(all[i], i);

        void Bind(string name, StackedTensor tensor)
        {
            using OrtValue value = OrtValue.Over(memory.Pointer + tensor.Offset, tensor.ByteLength, tensor.Type, tensor.Shape);
            binding.BindInput(name, value);
        }
    }

    /// <summary>Runs images whose tasks' adapters are on the device.</summary>
    /// <param name="tasks">Each image's task.</param>
    /// <param name="pixels">[count, 3, size, size].</param>
    /// <param name="shape">The four dimensions of <paramref name="pixels"/>.</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>Each image's logits.</returns>
    /// <exception cref="ProviderException">The device failed.</exception>
    /// <exception cref="OrtException">The run failed.</exception>
    public unsafe float[][] Run(IReadOnlyList<InstalledTask> tasks, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation)
    {
        int[] places = [.. tasks.Select(t => _places[t])];
        using OrtRunOptions? options = cancellation.CanBeCanceled ? new OrtRunOptions() : null;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static o => ((OrtRunOptions)o!).Terminate(), options);
        try
        {
            using OrtValue image = OrtValue.FromArray(pixels, shape);
            _binding!.BindInput(VitGraph.PixelValues, image);
            fixed (int* at = places)
            {
                using OrtValue indices = OrtValue.Over(at, places.Length * sizeof(int), ElementType.I32, [places.Length]);
                _binding.BindInput(VitGraph.Tasks, indices);
            }
            // Anew each time: a binding gives the next run the last one's output to write into, which has the length of that batch.
            _binding.BindOutput(VitGraph.Logits, OrtLibrary.HostMemory);
            _session.Run(_binding, options);
            using OrtValue logits = _binding.TakeOutputs()[0];
            float[] values = logits.AsSpan<float>().ToArray();
            return [.. places.Select((place, i) => _stack!.Logits(values, i, place).ToArray())];
        }
        catch (OrtException e)
        {
            if (_provider.DeviceError(e) is { } fault) throw fault;
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>Takes the adapters from the device.</summary>
    public void DropStack()
    {
        _binding?.Dispose();
        (_stack, _binding) = (null, null);
        _places.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DropStack();
        _session?.Dispose(); // null when the constructor did not finish
        _beside.Dispose();
    }
}
