using System.Collections.Frozen;
using System.Diagnostics;
using System.Numerics.Tensors;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Engine;

/// <summary>
/// One resident Vision Transformer that answers for many tasks. A request names its task; the engine binds that task's merged weights
/// (MeLo, arXiv 2311.08236: W' = W + s·B·A) and runs. There is no active task that two callers could disagree on. Thread-safe.
/// </summary>
public sealed class EdgeEngine : IDisposable
{
    private readonly EdgeEngineOptions _options;
    private readonly Provider _provider;
    private readonly BaseGraph _graph;
    private readonly BaseGraph _fp32; // the same one where the engine's own precision is fp32
    private ResidentModel? _model; // null where there was no memory to make it anew: the next run tries again
    private readonly TaskWeightsCache _cache;
    private readonly BatchRunner _runner;
    private readonly Explanations _explanations;
    private readonly EdgeTelemetry _telemetry;
    private readonly Lock _installing = new();
    private readonly SemaphoreSlim _turn = new(1);
    private volatile ProviderException? _lost;
    private volatile FrozenDictionary<string, InstalledTask> _tasks = FrozenDictionary<string, InstalledTask>.Empty;

    private EdgeEngine(
        BasePackage package, EdgeEngineOptions options, ProviderChoice provider, SessionThreads threads, Precision precision, string reason, ResidentModel model, LoadTiming loading)
    {
        _options = options;
        _provider = provider.Provider;
        Base = package;
        (Provider, ProviderReason) = (provider.Kind, provider.Reason);
        (Precision, PrecisionReason) = (precision, reason);
        _graph = new BaseGraph(package, precision, provider.Provider, threads, options.Strict, model);
        _model = model;
        _fp32 = precision == Precision.Fp32 ? _graph : new BaseGraph(package, Precision.Fp32, provider.Provider, threads, options.Strict, beside: _graph);
        Loading = loading;
        _cache = new TaskWeightsCache(options.CacheBytes, model.Merger);
        NodesOnHost = model.NodesOnHost;
        bool isDevice = provider.Provider.IsDevice;
        _runner = new BatchRunner(
            _cache, _graph, isDevice ? LoadMixed : null, options.Batches, isDevice ? ResidentModel.MaxBatch : 1, provider.Provider.IsSpoiledByLackOfMemory ? Renew : null);
        MaxBatch = provider.Provider.IsDevice ? ResidentModel.MaxBatch : 1;
        _explanations = new Explanations(package, threads, isDevice ? null : _graph.Hold, isDevice ? null : _turn, options.TimeProvider);
        _telemetry = new EdgeTelemetry(() => _cache.CachedBytes, () => _tasks.Count);
    }

    /// <summary>The base package that is loaded.</summary>
    public BasePackage Base { get; }

    /// <summary>Where the graph runs.</summary>
    public ExecutionProvider Provider { get; }

    /// <summary>Why it runs there: one line for a log.</summary>
    public string ProviderReason { get; }

    /// <summary>
    /// The operators that run on the host although the provider is a device, and how many of each: empty where the whole graph is on the device, and where
    /// the runtime is too old to tell (before 1.24).
    /// </summary>
    public IReadOnlyDictionary<string, int> NodesOnHost { get; }

    /// <summary>The precision of the resident graph. A task whose bundle demands another says so: <see cref="InstalledTask.Precision"/>.</summary>
    public Precision Precision { get; }

    /// <summary>Why it is that precision, and what instructions for it the processor has: one line for a log.</summary>
    public string PrecisionReason { get; }

    /// <summary>The most images that share a run: 1 on the host, where more would be no faster. A larger batch is run in parts.</summary>
    public int MaxBatch { get; }

    /// <summary>
    /// Whether the device is lost: unplugged, reset by its driver, or hung. Nothing can be answered any more; a new engine, in a new process, can.
    /// </summary>
    public bool IsDeviceLost => _lost is not null;

    /// <summary>What loading took.</summary>
    public LoadTiming Loading { get; }

    /// <summary>The installed tasks, in no particular order.</summary>
    public IReadOnlyCollection<InstalledTask> Tasks => _tasks.Values;

    /// <summary>What was measured since the engine was loaded.</summary>
    public EngineStatistics Statistics => new(
        _telemetry.ColdSwitchMilliseconds.Summarize(),
        _telemetry.WarmSwitchMicroseconds.Summarize(),
        _telemetry.InferenceMilliseconds.Summarize(),
        _cache.CachedBytes,
        _cache.Count,
        _cache.BufferBytes);

    /// <summary>
    /// Checks that a provider starts on this machine, by running a graph of one operator there: what <see cref="Load"/> does first. For programs that have work to do
    /// before they load a base.
    /// </summary>
    /// <param name="provider">The provider.</param>
    /// <param name="deviceId">Which of its devices: <see cref="EdgeEngineOptions.DeviceId"/>.</param>
    /// <exception cref="ProviderException">It does not; the message names what is missing.</exception>
    public static void CheckProvider(ExecutionProvider provider, int? deviceId = null) => ProviderChoice.Make(provider, deviceId, _ => { });

    /// <summary>Loads a base package, checks it against its own digest, and makes it resident.</summary>
    /// <param name="baseFolder">The folder that <c>adapter-packer base import</c> wrote.</param>
    /// <param name="options">How to load it; null for the defaults.</param>
    /// <exception cref="ModelException">The package is damaged or not a base package.</exception>
    /// <exception cref="SafetensorsException">The weights file is malformed.</exception>
    /// <exception cref="EngineException">The options are out of range or the package does not fit them.</exception>
    /// <exception cref="ProviderException">The provider that was asked for cannot start, or cannot run the graph as it was asked to.</exception>
    /// <exception cref="OrtException">ONNX Runtime is missing, or refuses the graph though its hash is the one that base.json says.</exception>
    public static EdgeEngine Load(string baseFolder, EdgeEngineOptions? options = null)
    {
        options ??= new EdgeEngineOptions();
        options.Validate();
        long start = Stopwatch.GetTimestamp();
        BasePackage package = BasePackage.OpenUnchecked(baseFolder);
        try
        {
            double opened = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            ProviderChoice provider = ProviderChoice.Make(options.Provider, options.DeviceId, candidate => PrecisionChoice.Make(candidate, package.Precisions, options.Precision));
            (Precision precision, string reason) = PrecisionChoice.Make(provider.Provider, package.Precisions, options.Precision);
            SessionThreads threads = SessionThreads.Of(options.Threads);
            ResidentModel model = ResidentModel.LoadChecked(package, precision, provider.Provider, threads, options.Strict, out double check);
            LoadTiming loading = new(opened, check, model.PristineMilliseconds, model.SessionMilliseconds, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            return new EdgeEngine(package, options, provider, threads, precision, reason, model, loading);
        }
        catch
        {
            package.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Checks that a bundle fits the resident base, runs its probe, and then makes it the task's answer. A bundle that is refused
    /// changes nothing; requests that began with an older release end with it.
    /// </summary>
    /// <exception cref="EngineException">The bundle does not fit, has expired, is older than the installed release, or failed its probe.</exception>
    /// <exception cref="ProviderException">The device failed.</exception>
    public InstalledTask Install(Bundle bundle)
    {
        lock (_installing)
        {
            InstalledTask? replaced = Find(bundle.Description.Task);
            if (replaced is not null && replaced.Release > bundle.Description.Release)
            {
                throw EngineException.Bundle(EngineFault.LowerRelease, bundle.Description.Task, bundle.Description.Release,
                    $"release {replaced.Release} is installed, expected that or a higher one");
            }
            BaseFit.Check(bundle, Base, _options.TimeProvider);
            ThrowIfLost();
            InstalledTask task = new(bundle, this, GraphFor(bundle.Description), _options.TimeProvider.GetUtcNow());
            try
            {
                task.ProbeDifference = RunProbe(task, bundle.Probe);
            }
            catch (Exception e)
            {
                Notice(e);
                LetGo(task);
                throw;
            }
            Dictionary<string, InstalledTask> tasks = new(_tasks) { [task.Task] = task };
            _tasks = tasks.ToFrozenDictionary();
            if (replaced is not null) LetGo(replaced);
            return task;
        }
    }

    /// <summary>Takes a task out of service; requests that began with it end with it.</summary>
    /// <returns>False when no such task was installed.</returns>
    public bool Retire(string task)
    {
        lock (_installing)
        {
            Dictionary<string, InstalledTask> tasks = new(_tasks);
            if (!tasks.Remove(task, out InstalledTask? retired)) return false;
            _tasks = tasks.ToFrozenDictionary();
            LetGo(retired);
            return true;
        }
    }

    /// <summary>The installed task of that name, or null.</summary>
    public InstalledTask? Find(string task) => _tasks.GetValueOrDefault(task);

    /// <summary>Decodes, preprocesses and classifies an image file, or for a task that takes volumes a volume: a file, or a folder with the DICOM files of a series.</summary>
    /// <exception cref="EngineException">No such task is installed, its bundle has expired, or the model gave no finite answer.</exception>
    /// <exception cref="ImageException">The file is no readable image, or exceeds the limits.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public async Task<Prediction> PredictAsync(string task, string imagePath, CancellationToken cancellation = default)
    {
        InstalledTask installed = Require(task);
        byte[] file = installed.Description.Input.Volume is not null && Directory.Exists(imagePath)
            ? await InputFiles.ReadSeriesAsync(imagePath, _options.DecodeLimits, cancellation).ConfigureAwait(false)
            : await InputFiles.ReadAsync(imagePath, _options.DecodeLimits, cancellation).ConfigureAwait(false);
        PreparedImage image = await Task.Run(() => Prepare(installed, file), cancellation).ConfigureAwait(false);
        return await PredictAsync(installed, image, cancellation).ConfigureAwait(false);
    }

    /// <summary>Decodes, preprocesses and classifies an image, or a volume, that is in memory.</summary>
    /// <inheritdoc cref="PredictAsync(string, string, CancellationToken)"/>
    public async Task<Prediction> PredictAsync(string task, ReadOnlyMemory<byte> imageFile, CancellationToken cancellation = default)
    {
        InstalledTask installed = Require(task);
        PreparedImage image = await Task.Run(() => Prepare(installed, imageFile), cancellation).ConfigureAwait(false);
        return await PredictAsync(installed, image, cancellation).ConfigureAwait(false);
    }

    /// <summary>Decodes and preprocesses an image, or a volume, for a task: work that can be done while another image runs.</summary>
    /// <exception cref="ImageException">The file is no readable image, or exceeds the limits.</exception>
    public PreparedImage Prepare(InstalledTask task, ReadOnlyMemory<byte> imageFile) =>
        PreparedImage.From(imageFile, task.Description.Input, _options.DecodeLimits);

    /// <summary>Switches to the task and classifies a prepared image.</summary>
    /// <param name="task">A task of this engine; it need not be the installed one any more.</param>
    /// <param name="image">What <see cref="Prepare"/> made for this task.</param>
    /// <param name="cancellation">Leaves the queue, or stops the run at the next operator.</param>
    /// <exception cref="EngineException">The task's bundle has expired, or the model gave no finite answer.</exception>
    /// <exception cref="ProviderException">The device failed.</exception>
    /// <exception cref="ArgumentException">The task is another engine's, or the image was prepared by other rules.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed before the request had its turn.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public async Task<Prediction> PredictAsync(InstalledTask task, PreparedImage image, CancellationToken cancellation = default) =>
        await PredictAsync([new PredictionRequest(task, image)], cancellation)[0].ConfigureAwait(false);

    /// <summary>
    /// Classifies a batch of prepared images, of one task or of several: on a device together, as <see cref="EdgeEngineOptions.Batches"/> says. What a
    /// task answers does not depend on what else is in the batch, within the rounding of the device.
    /// </summary>
    /// <param name="batch">The images.</param>
    /// <param name="cancellation">Leaves the queue, or stops the run at the next operator.</param>
    /// <returns>A task for each image, in their order. Each succeeds or fails for itself, with the exceptions of
    /// <see cref="PredictAsync(InstalledTask, PreparedImage, CancellationToken)"/>.</returns>
    /// <exception cref="ArgumentException">A task is another engine's, or an image was prepared by other rules.</exception>
    public Task<Prediction>[] PredictAsync(IReadOnlyList<PredictionRequest> batch, CancellationToken cancellation = default)
    {
        foreach (PredictionRequest request in batch)
        {
            CheckOwn(request.Task);
            if (!request.Image.Input.Equals(request.Task.Description.Input))
                throw new ArgumentException($"The image was prepared by other rules than those of task '{request.Task.Task}'.", nameof(batch));
        }
        PendingPrediction[] pending = [.. batch.Select(r => new PendingPrediction(r))];
        _ = RunAsync(pending, cancellation);
        return [.. pending.Select(p => p.Task)];
    }

    /// <summary>
    /// Runs an adapter that is not installed, with weights of its own: what its maker packs a probe with, or compares with a reference.
    /// No installed task is touched.
    /// </summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="pixels">[n, 3, size, size], prepared.</param>
    /// <param name="shape">The four dimensions of <paramref name="pixels"/>.</param>
    /// <param name="cancellation">Leaves the queue, or stops the run at the next operator.</param>
    /// <returns>[n, classes] logits.</returns>
    /// <exception cref="EngineException">The adapter or the pixels do not fit the base.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public float[] Evaluate(LoraAdapter adapter, float[] pixels, ReadOnlySpan<long> shape, CancellationToken cancellation = default)
    {
        BaseFit.Check(adapter, Base);
        BaseFit.Check(pixels, shape, Base.Architecture);
        _turn.Wait(cancellation);
        try
        {
            using ResidentModel model = _graph.Hold();
            using WeightBuffers pool = new(budget: 0, model.Merger);
            TaskWeights weights = model.Merge(adapter, pool.Rent(model.Merger.MergedBytes(adapter)), pool, model.Threads, out _);
            try
            {
                return model.RunMany(weights, pixels, shape, cancellation);
            }
            finally
            {
                weights.Release();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Says where a task's attention goes in a prepared image: see <see cref="HeatMap"/>. Computed on the processor in fp32, whatever precision and provider answer, with a graph of its own that is loaded
    /// by the first call and let go of a minute after the last one: ordinary runs and merged weights stay as they are. On the processor it takes its turn among the runs.
    /// </summary>
    /// <param name="task">A task of this engine; it need not be the installed one any more.</param>
    /// <param name="image">What <see cref="Prepare"/> made for this task of one picture.</param>
    /// <param name="cancellation">Leaves the queue, or stops the run at the next operator.</param>
    /// <exception cref="EngineException">The task's bundle has expired, or the model gave a number that is not finite.</exception>
    /// <exception cref="ArgumentException">The task is another engine's, or the image was prepared by other rules, or is none of one picture.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the graph.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed before the request had its turn.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public async Task<HeatMap> ExplainAsync(InstalledTask task, PreparedImage image, CancellationToken cancellation = default)
    {
        CheckOwn(task);
        if (!image.Input.Equals(task.Description.Input)) throw new ArgumentException($"The image was prepared by other rules than those of task '{task.Task}'.", nameof(image));
        if (image.Square is not { } square || image.Pixels.Length != image.Input.Preprocess.TensorLength)
            throw new ArgumentException("Found an input that is not one picture, expected one: of others there is no heat map.", nameof(image));
        if (task.Description.IsExpired(_options.TimeProvider)) throw EngineException.Bundle(EngineFault.Expired, task.Task, task.Release, $"expired at {task.Description.Expires:O}");
        float[] shares = await _explanations.RollAsync(task.Adapter, image.Pixels, cancellation).ConfigureAwait(false);
        return TensorPrimitives.IsFiniteAll<float>(shares)
            ? new HeatMap(task.Task, task.Release, task.BundleDigest, Base.Digest, shares.AsSpan(Base.Architecture.PrefixTokens), square)
            : throw EngineException.Bundle(EngineFault.NotFinite, task.Task, task.Release, "found attention that is not finite, expected numbers");
    }

    /// <summary>Merges a task's weights in the background if they are not cached, so that the switch to it will be warm.</summary>
    /// <exception cref="ArgumentException">The task is another engine's.</exception>
    public void Prefetch(InstalledTask task)
    {
        CheckOwn(task);
        _cache.Prefetch(task);
    }

    /// <summary>Frees the model, after the installation, the run and the merges that are under way; requests that wait for their turn then fail.</summary>
    public void Dispose()
    {
        lock (_installing)
        {
            _explanations.Dispose(); // without the turn, which one of them may wait for
            // The semaphore itself stays, so that those who wait for it wake up and find the engine gone.
            _turn.Wait();
            try
            {
                _telemetry.Dispose();
                _runner.Dispose();
                _fp32.Dispose();
                _graph.Dispose();
                _cache.Dispose();
                foreach (InstalledTask task in _tasks.Values) task.LetGo();
                _model?.Dispose();
                Base.Dispose();
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    // Another engine's base may have other weights, for another answer, or other shapes, and a merge writes by them.
    private void CheckOwn(InstalledTask task)
    {
        if (!ReferenceEquals(task.Engine, this)) throw new ArgumentException($"Task '{task.Task}' was installed on another engine.", nameof(task));
    }

    // Never throws: whatever happens is what the pending predictions end with.
    private async Task RunAsync(PendingPrediction[] pending, CancellationToken cancellation)
    {
        try
        {
            await _turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                await Task.Run(() => Run(pending, cancellation), cancellation).ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (Exception e)
        {
            foreach (PendingPrediction prediction in pending) Fail(prediction, e);
        }
    }

    private void Run(PendingPrediction[] pending, CancellationToken cancellation)
    {
        ThrowIfLost();
        _model ??= _graph.Hold();
        foreach (PendingPrediction prediction in pending)
        {
            InstalledTask task = prediction.Request.Task;
            if (task.Description.IsExpired(_options.TimeProvider))
                Fail(prediction, EngineException.Bundle(EngineFault.Expired, task.Task, task.Release, $"expired at {task.Description.Expires:O}"));
        }
        PendingPrediction[] open = [.. pending.Where(p => !p.Task.IsCompleted)];
        try
        {
            _runner.Run([.. open.Select(p => p.Request)], (i, answer) => open[i].Finish(answer, Base.Digest, Provider, _telemetry), (i, e) => Fail(open[i], e), cancellation);
        }
        finally
        {
            // A task that was retired meanwhile must not keep a second graph in memory.
            foreach (InstalledTask task in open.Select(p => p.Request.Task).Distinct())
                if (!ReferenceEquals(task.Graph, _graph) && !ReferenceEquals(Find(task.Task), task)) _cache.Remove(task);
        }
    }

    private MixedModel LoadMixed()
    {
        using ResidentModel model = _graph.Hold();
        return new MixedModel(Base, Precision, _provider, _options.Strict, model, task => ReferenceEquals(Find(task.Task), task));
    }

    /// <summary>Whether the graph of <see cref="ExplainAsync"/> is in memory.</summary>
    internal bool IsExplaining => _explanations.IsLoaded;

    // With the turn. Whatever still holds the old model lets go of it here or soon, and the device with it.
    private void Renew() => _cache.WhileEmpty(() =>
    {
        foreach (InstalledTask task in _tasks.Values) task.LetGo();
        _model?.Dispose();
        _model = null;
        _model = _graph.Hold();
    });

    private void Fail(PendingPrediction pending, Exception e)
    {
        Notice(e);
        pending.Fail(e);
    }

    private void Notice(Exception e)
    {
        if (e is ProviderException { Fault: ProviderFault.DeviceLost } lost) _lost ??= lost;
    }

    // Of a device that is lost the runtime may say anything, or nothing for a long time.
    private void ThrowIfLost()
    {
        if (_lost is { } lost) throw lost.Again();
    }

    // A demand is the maker's word that the task's answers are sound in that precision alone.
    private BaseGraph GraphFor(AdapterDescription description)
    {
        if (description.Precision is not { } demanded || demanded == Precision) return _graph;
        string found = $"found a bundle that demands {demanded.Name()} on a device that runs {Precision.Name()}";
        if (!Base.Precisions.Contains(demanded)) throw Refuse($"{found}, and a base without an {demanded.Name()} graph; expected one imported with it");
        if (_options.Fp32Tasks == Fp32TaskPolicy.Refuse) throw Refuse($"{found}, expected one that runs in it: {nameof(EdgeEngineOptions.Fp32Tasks)} says to refuse such tasks");
        return _fp32;

        EngineException Refuse(string message) => EngineException.Bundle(EngineFault.PrecisionRefused, description.Task, description.Release, message);
    }

    private void LetGo(InstalledTask task)
    {
        _cache.Remove(task);
        task.LetGo();
    }

    // The self-test of a device: the resident base, merged with this bundle, must give the logits that its maker saw.
    private double RunProbe(InstalledTask task, Probe probe)
    {
        _turn.Wait();
        try
        {
            try
            {
                return Compare();
            }
            catch (ProviderException e) when (e.Fault == ProviderFault.OutOfMemory)
            {
                _runner.MakeRoom(task);
                return Compare();
            }
        }
        finally
        {
            _turn.Release();
        }

        double Compare()
        {
            TaskWeights weights = _cache.Acquire(task, out _);
            try
            {
                float[] logits = weights.Model.RunMany(weights, probe.PixelValues, probe.PixelShape, CancellationToken.None);
                return ProbeComparison.Check(task.Description, task.Precision, logits, probe.Logits);
            }
            finally
            {
                weights.Release();
            }
        }
    }

    private InstalledTask Require(string task) => Find(task) ?? throw EngineException.UnknownTask(task, _tasks.Keys);
}
