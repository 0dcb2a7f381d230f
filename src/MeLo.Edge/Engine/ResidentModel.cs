using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The base in memory: one session, created once, and the pristine matrices that adapters may change. It merges an adapter into
/// fresh memory and runs the graph with the result; it keeps no task of its own. Its memory is freed after the last who holds it.
/// </summary>
internal sealed unsafe class ResidentModel : IDisposable
{
    private readonly OrtSession _session;
    private readonly MergedFormat _format;
    private readonly ResidentModel? _beside;
    private readonly HostBuffer _pristine;
    private readonly HostBuffer? _converted;
    private readonly Dictionary<LinearId, Matrix> _matrices = [];
    private readonly List<(string Input, OrtValue Value)> _base = [];
    private readonly Dictionary<string, int> _inputIndex = [];
    private int _holds = 1; // the maker's

    /// <param name="package">The base.</param>
    /// <param name="precision">Which of its graphs.</param>
    /// <param name="threads">The threads that run it.</param>
    /// <param name="beside">A model of the same base, held by the caller, whose pristine matrices serve this one too.</param>
    public ResidentModel(BasePackage package, Precision precision, SessionThreads threads, ResidentModel? beside = null)
    {
        Threads = threads.Count;
        if (!package.Precisions.Contains(precision))
            throw EngineException.Base($"found the precisions {string.Join(", ", package.Precisions.Select(p => p.Name()))}, expected {precision.Name()} among them");
        long start = Stopwatch.GetTimestamp();
        _format = MergedFormat.Of(precision);
        long length = 0;
        foreach (LinearId id in package.AdaptableLinears)
        {
            (int input, int output) = package.Architecture.LinearShape(id.Linear);
            _matrices.Add(id, new Matrix(input, output, length));
            length += MergedFormat.Of(Precision.Fp32).ByteLength(input, output);
        }
        _beside = beside;
        _pristine = beside?._pristine ?? new HostBuffer(length);
        // The weights come from a file that others may push out of the page cache; a switch must not wait for a disk.
        foreach ((LinearId id, Matrix matrix) in beside is null ? _matrices : [])
            package.Weights[CanonicalWeights.LinearWeight(id)].CopyTo(new Span<float>(Pristine(id), checked(matrix.In * matrix.Out)));
        _converted = precision == Precision.Fp32 ? null : new HostBuffer(_matrices.Values.Sum(m => _format.ByteLength(m.In, m.Out)));
        beside?.TryHold(); // the caller holds it, so this one gets a hold too
        try
        {
            BindBase();
            PristineMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            using OrtSessionOptions options = threads.Options().WithOperators(ByteOperators.For(threads.Count));
            _session = OrtSession.Create(package.GraphPath(precision), options);
            SessionMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            for (int i = 0; i < _session.Inputs.Count; i++) _inputIndex.Add(_session.Inputs[i].Name, i);
            if (Mismatch() is { } mismatch) throw EngineException.Base(mismatch);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// Loads a model of a package whose weights are not checked yet, and checks them meanwhile: the digest takes as long as all the rest. Nobody gets
    /// the model before the weights are vouched for.
    /// </summary>
    /// <param name="package">The base, from <see cref="BasePackage.OpenUnchecked"/>.</param>
    /// <param name="precision">Which of its graphs.</param>
    /// <param name="threads">The threads that run it.</param>
    /// <param name="checkMilliseconds">What the check took.</param>
    public static ResidentModel LoadChecked(BasePackage package, Precision precision, SessionThreads threads, out double checkMilliseconds)
    {
        Task<double> check = Task.Factory.StartNew(() => Check(package), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        ResidentModel? model = null;
        try
        {
            try
            {
                model = new ResidentModel(package, precision, threads);
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

    /// <summary>What copying the pristine matrices, and making what an adapter leaves alone, took.</summary>
    public double PristineMilliseconds { get; }

    /// <summary>What creating the session took.</summary>
    public double SessionMilliseconds { get; }

    /// <summary>Whether the base exposes a linear to adapters.</summary>
    public bool Exposes(LinearId linear) => _matrices.ContainsKey(linear);

    /// <summary>The memory that an adapter's merged matrices take, in bytes.</summary>
    public long MergedBytes(LoraAdapter adapter) => _format.ByteLength(adapter);

    /// <summary>Merges an adapter from the pristine matrices into <paramref name="buffer"/>, and describes the result to the runtime.</summary>
    /// <param name="adapter">An adapter whose linears the base exposes, with matching shapes.</param>
    /// <param name="buffer">At least <see cref="MergedBytes"/> long; it belongs to the result from now on, and goes back where there is none.</param>
    /// <param name="pool">Where the buffer goes in the end.</param>
    /// <param name="threads">How many threads share the merge.</param>
    /// <param name="cost">How long the two parts took.</param>
    public TaskWeights Merge(LoraAdapter adapter, TaskBuffer buffer, WeightBuffers pool, int threads, out MergeCost cost)
    {
        try
        {
            return MergeInto(buffer, adapter, pool, threads, out cost);
        }
        catch
        {
            pool.Return(buffer);
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
        catch (OrtException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    /// <summary>
    /// Runs the graph for one image after the other. Together they would be hardly faster, in int8 slower, and the runtime keeps the memory of its
    /// largest run for good.
    /// </summary>
    /// <inheritdoc cref="Run"/>
    public float[] RunEach(TaskWeights weights, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation)
    {
        int images = checked((int)shape[0]);
        if (images == 1) return Run(weights, pixels, shape, cancellation);
        int length = images == 0 ? 0 : pixels.Length / images;
        List<float> logits = [];
        for (int i = 0; i < images; i++) logits.AddRange(Run(weights, pixels[(i * length)..((i + 1) * length)], [1, .. shape[1..]], cancellation));
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
        foreach ((_, OrtValue value) in _base) value.Dispose();
        _converted?.Dispose();
        if (_beside is null) _pristine.Dispose();
        else _beside.Dispose();
    }

    private TaskWeights MergeInto(TaskBuffer buffer, LoraAdapter adapter, WeightBuffers pool, int threads, out MergeCost cost)
    {
        long start = Stopwatch.GetTimestamp();
        MergeTarget[] targets = new MergeTarget[adapter.Pairs.Count];
        long offset = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            LoraPair pair = adapter.Pairs[i];
            Matrix matrix = _matrices[pair.Target];
            targets[i] = new MergeTarget(pair.Target, matrix.In, matrix.Out, Pristine(pair.Target), buffer.Pointer + offset, pair, adapter.Scale);
            offset += _format.ByteLength(matrix.In, matrix.Out);
        }
        _format.Merge(targets, threads);
        double merge = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        start = Stopwatch.GetTimestamp();
        TaskWeights weights = Bind(adapter.Head, targets, buffer, pool);
        cost = new MergeCost(merge, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        return weights;
    }

    private TaskWeights Bind(TaskHead head, MergeTarget[] targets, TaskBuffer buffer, WeightBuffers pool)
    {
        OrtValue?[] inputs = new OrtValue?[_session.Inputs.Count];
        foreach ((string input, OrtValue value) in _base) inputs[_inputIndex[input]] = value;
        ReadOnlySpan<OrtValue> matrices = buffer.Describe(_format, targets);
        for (int i = 0; i < matrices.Length; i++) inputs[_inputIndex[CanonicalWeights.LinearWeight(targets[i].Id)]] = matrices[i];
        OrtValue weight = OrtValue.FromArray(head.Transposed, [head.Dim, head.Classes]), bias = OrtValue.FromArray(head.Bias, [head.Classes]);
        inputs[_inputIndex[VitGraph.HeadWeight]] = weight;
        inputs[_inputIndex[VitGraph.HeadBias]] = bias;
        return new TaskWeights(this, inputs, [weight, bias], buffer, pool);
    }

    // What an adapter leaves alone is bound as the base has it: the pristine weights themselves, or what the graph's precision makes of them.
    private void BindBase()
    {
        MergeTarget[] targets = new MergeTarget[_matrices.Count];
        long offset = 0;
        int count = 0;
        foreach ((LinearId id, Matrix matrix) in _matrices)
        {
            byte* at = _converted is null ? (byte*)Pristine(id) : _converted.Pointer + offset;
            targets[count++] = new MergeTarget(id, matrix.In, matrix.Out, Pristine(id), at);
            offset += _format.ByteLength(matrix.In, matrix.Out);
        }
        if (_converted is not null) _format.Merge(targets, Threads);
        foreach (MergeTarget target in targets) _base.Add((CanonicalWeights.LinearWeight(target.Id), _format.Bind(target)));
    }

    private float* Pristine(LinearId id) => (float*)(_pristine.Pointer + _matrices[id].Offset);

    // base.json says what adapters may change, the graph what can be bound; each is well-formed without the other.
    private string? Mismatch()
    {
        string[] expected = [VitGraph.PixelValues, .. _matrices.Keys.Select(CanonicalWeights.LinearWeight), VitGraph.HeadWeight, VitGraph.HeadBias];
        if (expected.FirstOrDefault(name => !_inputIndex.ContainsKey(name)) is { } missing)
            return $"found a graph without the input '{missing}', expected one for every linear that base.json calls adaptable";
        if (_inputIndex.Keys.FirstOrDefault(name => !expected.Contains(name)) is { } extra)
            return $"found a graph with the input '{extra}', expected one only for the linears that base.json calls adaptable";
        foreach ((LinearId id, Matrix matrix) in _matrices)
        {
            OrtPort input = _session.Inputs[_inputIndex[CanonicalWeights.LinearWeight(id)]];
            (ElementType type, long[] shape) = _format.Input(matrix.In, matrix.Out);
            if (input.Info.Type != type || !input.Info.Dimensions.SequenceEqual(shape))
                return $"found a graph with the input '{input.Name}' of {Text(input.Info.Type, input.Info.Dimensions)}, expected {Text(type, shape)}";
        }
        return null;

        static string Text(ElementType type, long[] shape) => $"{type.HeaderName()} [{string.Join(',', shape)}]";
    }

    /// <summary>The parts of a merge, in microseconds.</summary>
    public readonly record struct MergeCost(double MergeMicroseconds, double BindMicroseconds);

    /// <summary>One adaptable matrix: its shape, and its place in the pristine buffer in bytes.</summary>
    private readonly record struct Matrix(int In, int Out, long Offset);
}
