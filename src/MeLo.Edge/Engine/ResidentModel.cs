using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The base in memory: one session, created once, and the merger with the pristine matrices that adapters may change. It runs the graph with task
/// weights; it keeps no task of its own. Its memory is freed after the last who holds it.
/// </summary>
internal sealed class ResidentModel : IDisposable
{
    /// <summary>As many images go to a device together; more bring no more throughput, and the runtime keeps the memory of its largest run.</summary>
    public const int MaxBatch = 64;

    private readonly OrtSession _session;
    private readonly TaskMerger _merger;
    private readonly Provider _provider;
    private readonly Func<long> _deviceBytes;
    private readonly ResidentModel? _beside;
    private readonly HashSet<LinearId> _linears;
    private readonly Dictionary<string, int> _inputIndex = [];
    private int _holds = 1; // the maker's

    /// <param name="package">The base.</param>
    /// <param name="precision">Which of its graphs.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">The threads that run it.</param>
    /// <param name="strict">Whether a graph that the provider would run partly on the host is refused.</param>
    /// <param name="beside">A model of the same base, held by the caller, whose pristine matrices serve this one too.</param>
    /// <exception cref="EngineException">The package has no such graph, or one that does not fit.</exception>
    /// <exception cref="ProviderException">The provider cannot start, or would run a part of the graph on the host.</exception>
    public ResidentModel(BasePackage package, Precision precision, Provider provider, SessionThreads threads, bool strict = false, ResidentModel? beside = null)
    {
        Threads = threads.Count;
        _provider = provider;
        _deviceBytes = () => DeviceBytes(package, precision, provider);
        if (!package.Precisions.Contains(precision))
            throw EngineException.Base($"found the precisions {string.Join(", ", package.Precisions.Select(p => p.Name()))}, expected {precision.Name()} among them");
        _linears = [.. package.AdaptableLinears];
        beside?.TryHold(); // the caller holds it, so this one gets a hold too
        _beside = beside;
        try
        {
            long start = Stopwatch.GetTimestamp();
            _merger = TaskMerger.Create(package, precision, provider, threads, beside?._merger);
            PristineMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            if (provider.SharesConstants) Constants = new DeviceConstants(package, precision, provider);
            using OrtSessionOptions options = provider.Options(threads).WithOperators(ByteOperators.For(threads.Count));
            Constants?.AddTo(options);
            _session = OrtSession.Create(package.GraphPath(precision), options);
            SessionMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            for (int i = 0; i < _session.Inputs.Count; i++) _inputIndex.Add(_session.Inputs[i].Name, i);
            if (Mismatch(package, MergedFormat.Of(precision)) is { } mismatch) throw EngineException.Base(mismatch);
            NodesOnHost = provider.NodesOnHost(_session, strict);
        }
        catch (Exception e)
        {
            Dispose();
            if (e is OrtException error && provider.DeviceError(error, _deviceBytes) is { } fault) throw fault;
            throw;
        }
    }

    /// <summary>
    /// Loads a model of a package whose weights are not checked yet, and checks them meanwhile: the digest takes as long as all the rest. Nobody gets
    /// the model before the weights are vouched for.
    /// </summary>
    /// <param name="package">The base, from <see cref="BasePackage.OpenUnchecked"/>.</param>
    /// <param name="precision">Which of its graphs.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">The threads that run it.</param>
    /// <param name="strict">Whether a graph that would run partly on the host is refused.</param>
    /// <param name="checkMilliseconds">What the check took.</param>
    public static ResidentModel LoadChecked(BasePackage package, Precision precision, Provider provider, SessionThreads threads, bool strict, out double checkMilliseconds)
    {
        Task<double> check = Task.Factory.StartNew(() => Check(package), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        ResidentModel? model = null;
        try
        {
            try
            {
                model = new ResidentModel(package, precision, provider, threads, strict);
            }
            finally
            {
                // Also where there is no model: if the weights are not what base.json says, that is why, and what is reported.
                checkMilliseconds = check.GetAwaiter().GetResult();
            }
            return model;
        }
        catch
        {
            model?.Dispose();
            throw;
        }

        static double Check(BasePackage package)
        {
            long start = Stopwatch.GetTimestamp();
            package.CheckWeights();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }

    /// <summary>The threads that a merge on the critical path uses.</summary>
    public int Threads { get; }

    /// <summary>The operators that run on the host although the provider is a device, and how many of each.</summary>
    public IReadOnlyDictionary<string, int> NodesOnHost { get; } = new Dictionary<string, int>();

    /// <summary>What preparing the pristine matrices, and what an adapter leaves alone, took.</summary>
    public double PristineMilliseconds { get; }

    /// <summary>What creating the session took.</summary>
    public double SessionMilliseconds { get; }

    /// <summary>The merger, where the memory of merged matrices comes from.</summary>
    public TaskMerger Merger => _merger;

    /// <summary>The constants of this model's precision, where sessions share them.</summary>
    public DeviceConstants? Constants { get; }

    /// <summary>The bytes of host memory that runs were given so far: on a device, what crossed to it for inference.</summary>
    public long HostBytesIn => _session.HostBytesIn;

    /// <summary>Merges an adapter from the pristine matrices into <paramref name="buffer"/>.</summary>
    /// <param name="adapter">An adapter whose linears the base exposes, with matching shapes.</param>
    /// <param name="buffer">At least as long as the merger says; it belongs to the result from now on, and goes back where there is none.</param>
    /// <param name="pool">Where the buffer goes in the end.</param>
    /// <param name="threads">How many threads share the merge.</param>
    /// <param name="cost">How long the two parts took.</param>
    /// <exception cref="ProviderException">The device failed.</exception>
    public TaskWeights Merge(LoraAdapter adapter, TaskBuffer buffer, WeightBuffers pool, int threads, out MergeCost cost)
    {
        try
        {
            MergedTask merged = _merger.Merge(adapter, buffer, threads);
            long start = Stopwatch.GetTimestamp();
            OrtValue?[] inputs = new OrtValue?[_session.Inputs.Count];
            foreach ((LinearId id, OrtValue value) in _merger.Unadapted) inputs[_inputIndex[CanonicalWeights.LinearWeight(id)]] = value;
            for (int i = 0; i < merged.Matrices.Length; i++) inputs[_inputIndex[CanonicalWeights.LinearWeight(adapter.Pairs[i].Target)]] = merged.Matrices[i];
            inputs[_inputIndex[VitGraph.HeadWeight]] = merged.HeadWeight;
            inputs[_inputIndex[VitGraph.HeadBias]] = merged.HeadBias;
            TaskWeights weights = new(this, inputs, [merged.HeadWeight, merged.HeadBias], buffer, pool);
            cost = new MergeCost(merged.MergeMicroseconds, merged.BindMicroseconds + Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            return weights;
        }
        catch (Exception e)
        {
            pool.Return(buffer);
            if (e is OrtException error && _provider.DeviceError(error, _deviceBytes) is { } fault) throw fault;
            throw;
        }
    }

    /// <summary>Runs the graph. May be called from several threads.</summary>
    /// <param name="weights">Task weights on which the caller holds a lease.</param>
    /// <param name="pixels">[count, 3, size, size].</param>
    /// <param name="shape">The four dimensions of <paramref name="pixels"/>.</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>[count, classes] logits.</returns>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="ProviderException">The device failed.</exception>
    /// <exception cref="OrtException">The run failed.</exception>
    public float[] Run(TaskWeights weights, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation)
    {
        using OrtValue image = OrtValue.FromArray(pixels, shape);
        OrtValue[] inputs = new OrtValue[weights.Inputs.Length];
        for (int i = 0; i < inputs.Length; i++) inputs[i] = weights.Inputs[i] ?? image;
        using OrtRunOptions? options = cancellation.CanBeCanceled ? new OrtRunOptions() : null;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static o => ((OrtRunOptions)o!).Terminate(), options);
        try
        {
            using OrtValue logits = _session.Run(inputs, options)[0];
            return logits.AsSpan<float>().ToArray();
        }
        catch (OrtException e)
        {
            if (_provider.DeviceError(e, _deviceBytes) is { } fault) throw fault;
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>
    /// Runs the graph for many images: on a device <see cref="MaxBatch"/> at a time, or fewer where that is asked; on the host one after the other, where together
    /// they would be hardly faster, in int8 slower.
    /// </summary>
    /// <inheritdoc cref="Run"/>
    public float[] RunMany(TaskWeights weights, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation, int atOnce = MaxBatch)
    {
        int images = checked((int)shape[0]), most = _provider.IsDevice ? Math.Min(MaxBatch, atOnce) : 1;
        if (images <= most) return Run(weights, pixels, shape, cancellation);
        int length = pixels.Length / images;
        List<float> logits = [];
        for (int first = 0; first < images; first += most)
        {
            int end = Math.Min(images, first + most);
            logits.AddRange(Run(weights, pixels[(first * length)..(end * length)], [end - first, .. shape[1..]], cancellation));
        }
        return [.. logits];
    }

    /// <summary>Takes a hold, unless the last one is already given back.</summary>
    public bool TryHold()
    {
        int seen = Volatile.Read(ref _holds);
        while (seen > 0)
        {
            int found = Interlocked.CompareExchange(ref _holds, seen + 1, seen);
            if (found == seen) return true;
            seen = found;
        }
        return false;
    }

    /// <summary>Gives a hold back; the last one frees the model.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holds) != 0) return;
        _session?.Dispose(); // null when the constructor did not finish
        _merger?.Dispose();
        Constants?.Dispose();
        _beside?.Dispose();
    }

    // What lies on the device for good: the constants as the graph has them, and what adapters may change in fp32, and rounded too where the graph takes fewer bits.
    private static long DeviceBytes(BasePackage package, Precision precision, Provider provider)
    {
        HashSet<string> adaptable = [.. package.AdaptableLinears.Select(CanonicalWeights.LinearWeight)];
        int size = MergedFormat.Of(precision).Input(1, 1).Type.Size();
        using SafetensorsFile? own = package.OpenOwnWeights(precision);
        long bytes = 0;
        foreach ((string name, TensorView canonical) in package.Weights.Tensors)
        {
            if (!adaptable.Contains(name)) bytes += provider.AllocatedBytes((own?.Tensors.GetValueOrDefault(name) ?? canonical).ByteLength);
            else bytes += provider.AllocatedBytes(canonical.ByteLength) + (size < canonical.Type.Size() ? provider.AllocatedBytes(canonical.ByteLength / canonical.Type.Size() * size) : 0);
        }
        return bytes;
    }

    // base.json says what adapters may change, the graph what can be bound; each is well-formed without the other.
    private string? Mismatch(BasePackage package, MergedFormat format)
    {
        string[] expected = [VitGraph.PixelValues, .. _linears.Select(CanonicalWeights.LinearWeight), VitGraph.HeadWeight, VitGraph.HeadBias];
        if (expected.FirstOrDefault(name => !_inputIndex.ContainsKey(name)) is { } missing)
            return $"found a graph without the input '{missing}', expected one for every linear that base.json calls adaptable";
        if (_inputIndex.Keys.FirstOrDefault(name => !expected.Contains(name)) is { } extra)
            return $"found a graph with the input '{extra}', expected one only for the linears that base.json calls adaptable";
        foreach (LinearId id in _linears)
        {
            OrtPort input = _session.Inputs[_inputIndex[CanonicalWeights.LinearWeight(id)]];
            (int rows, int columns) = package.Architecture.LinearShape(id.Linear);
            (ElementType type, long[] shape) = format.Input(rows, columns);
            if (input.Info.Type != type || !input.Info.Dimensions.SequenceEqual(shape))
                return $"found a graph with the input '{input.Name}' of {Text(input.Info.Type, input.Info.Dimensions)}, expected {Text(type, shape)}";
        }
        return null;

        static string Text(ElementType type, long[] shape) => $"{type.HeaderName()} [{string.Join(',', shape)}]";
    }

    /// <summary>The parts of a merge, in microseconds.</summary>
    public readonly record struct MergeCost(double MergeMicroseconds, double BindMicroseconds);
}
