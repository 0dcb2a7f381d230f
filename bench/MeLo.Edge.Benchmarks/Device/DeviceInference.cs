using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The benchmark 'inference' on a device: images per second by images in a run, in every precision that the device computes in. With weights as inputs
/// against the same graph with constants and against the products at the device's peak, pixels being there already; and through the engine, which brings them.
/// </summary>
internal static class DeviceInference
{
    private const int Tasks = 8;

    // A lone image may take less than the clock and the scheduler scatter by: it is run several times for one measurement.
    private static readonly TimeSpan s_measurement = TimeSpan.FromMilliseconds(20);

    private static readonly int[] s_batches = [1, 8, 32, 64];

    public static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkDevice device = new(settings.Provider);
        using BenchmarkModel model = BenchmarkModel.ForDevice(settings);
        using BasePackage package = BasePackage.OpenUnchecked(model.BaseFolder); // the engines check it
        List<string> leftOut = [];
        List<PrecisionSides> precisions = [];
        foreach (Precision precision in package.Precisions.Intersect(BenchmarkModel.DevicePrecisions))
        {
            if (precision == Precision.Fp32 || device.Provider.ComputesHalf()) precisions.Add(new PrecisionSides(settings, model, package, device, precision));
            else leftOut.Add($"{precision.Name()}: found a device that does not compute with 16-bit floating point");
        }
        RoundBudget budget = new(settings);
        List<Side> sides = [];
        foreach (PrecisionSides precision in precisions) sides.AddRange(await precision.PrepareAsync(budget, leftOut));
        while (budget.Next())
        {
            // Who goes first changes from round to round.
            for (int i = 0; i < sides.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                await sides[(i + budget.Rounds) % sides.Count].MeasureAsync();
            }
        }
        Report report = new("inference", settings with { Rounds = budget.Rounds }, device.Provider.Device);
        foreach (PrecisionSides precision in precisions) precision.AddTo(report, device);
        Progress.Clear();
        report.LeaveOut(leftOut).Print();
        foreach (PrecisionSides precision in precisions) precision.Dispose();
        return 0;
    }

    /// <summary>All sides of one precision.</summary>
    private sealed class PrecisionSides : IDisposable
    {
        private readonly BenchmarkModel _model;
        private readonly Precision _precision;
        private readonly EdgeEngine _engine;
        private readonly InstalledTask[] _tasks;
        private readonly PreparedImage[] _images;
        private readonly DeviceMerge _merging;
        private readonly MergedTask _merged;
        private readonly OrtSession _inputs;
        private readonly PlainSession _constant;
        private readonly OrtValue[] _pixels;
        private readonly List<Side> _sides = [];
        private readonly double _peak;

        public PrecisionSides(BenchmarkOptions.Settings settings, BenchmarkModel model, BasePackage package, BenchmarkDevice device, Precision precision)
        {
            Progress.Show($"{precision.Name()}: the device's peak");
            _model = model;
            _precision = precision;
            _peak = DeviceLimits.FlopsPerSecond(device, MergedFormat.Of(precision).Input(1, 1).Type);
            Progress.Show($"{precision.Name()}: loading");
            _engine = model.Load(settings, device, cachedTasks: Tasks, BatchPolicy.Mixed, precision);
            _tasks = model.Install(_engine, Tasks);
            _images = [.. Enumerable.Range(1, s_batches[^1]).Select(seed => PreparedImage.FromPixels(model.Pixels(seed), _tasks[0].Description.Input))];
            _merging = new DeviceMerge(package, precision, device, model.Adapter);
            _merged = _merging.Merge(model.Adapter);
            _inputs = device.Open(package.GraphPath(precision));
            _constant = new PlainSession(device.Session(model.ConstantGraph(package, precision, model.Adapter), model.BaseFolder));
            _pixels = [.. s_batches.Select(n => device.Upload([.. _images.Take(n).SelectMany(i => i.Pixels)], [n, 3, model.Vit.ImageSize, model.Vit.ImageSize]))];
        }

        /// <summary>The sides that are not too slow for this device, each having run before; and that they agree.</summary>
        public async Task<IReadOnlyList<Side>> PrepareAsync(RoundBudget budget, List<string> leftOut)
        {
            Dictionary<string, OrtValue> weights = _merging.Unadapted.ToDictionary(w => CanonicalWeights.LinearWeight(w.Key), w => w.Value);
            for (int i = 0; i < _merged.Matrices.Length; i++) weights[CanonicalWeights.LinearWeight(_model.Adapter.Pairs[i].Target)] = _merged.Matrices[i];
            weights[VitGraph.HeadWeight] = _merged.HeadWeight;
            weights[VitGraph.HeadBias] = _merged.HeadBias;
            for (int at = 0; at < s_batches.Length; at++)
            {
                OrtValue pixels = _pixels[at];
                OrtValue[] inputs = [.. _inputs.Inputs.Select(i => i.Name == VitGraph.PixelValues ? pixels : weights[i.Name])];
                PredictionRequest[] one = [.. _images.Take(s_batches[at]).Select(image => new PredictionRequest(_tasks[0], image))];
                PredictionRequest[] mixed = [.. one.Select((request, i) => request with { Task = _tasks[i % Tasks] })];
                await AddAsync("resident", at, () => Task.FromResult(Run(inputs)));
                await AddAsync("constant", at, () => Task.FromResult(_constant.Run(pixels)));
                await AddAsync("engine", at, () => PredictAsync(one));
                if (at > 0) await AddAsync("mixed", at, () => PredictAsync(mixed));
            }
            return _sides;

            async Task AddAsync(string name, int at, Func<Task<float[]>> run)
            {
                // Where fewer images were too slow, or as many of one task, these are too.
                string what = $"{_precision.Name()} {name}, {s_batches[at]} images";
                (string before, int images) = name == "mixed" ? ("engine", s_batches[at]) : (name, s_batches[Math.Max(0, at - 1)]);
                if (at > 0 && !_sides.Any(s => s.Name == before && s.Images == images))
                {
                    leftOut.Add($"{what}: {before}, {images} images is left out already");
                    return;
                }
                Progress.Show(what);
                Side side = new(name, s_batches[at], run);
                try
                {
                    float[] logits = await side.WarmUpAsync();
                    // The first image is of the first task on every side.
                    if (_sides.Count > 0) Compare(logits, _sides[0].FirstLogits, what);
                    if (budget.IsTooLong(side.Run)) leftOut.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: a run takes {side.Run.TotalSeconds:F2} s, expected at most {budget.Longest.TotalSeconds:F2} s (--seconds)"));
                    else _sides.Add(side);
                }
                catch (MeLoException e)
                {
                    leftOut.Add($"{what}: {e.Message}");
                }
            }
        }

        public void AddTo(Report report, BenchmarkDevice device)
        {
            Progress.Show($"{_precision.Name()}: the device's peak");
            double peak = Math.Max(_peak, DeviceLimits.FlopsPerSecond(device, MergedFormat.Of(_precision).Input(1, 1).Type)), floor = PeakArithmetic.Flops(_model.Vit) / peak * 1000;
            string name = _precision.Name();
            report.Add($"{name}_resident_per_s", Series("resident", s => s.PerSecond), "images per second by images in a run: the resident graph, pixels on the device")
                .Add($"{name}_constant_per_s", Series("constant", s => s.PerSecond), "the same graph with constants in place of the weights that a task changes")
                .Add($"{name}_resident_over_constant", Ratios("resident", "constant"), "time; aim: at most 1.02")
                .Add($"{name}_engine_per_s", Series("engine", s => s.PerSecond), "through the engine, which brings the pixels to the device")
                .Add($"{name}_mixed_per_s", Series("mixed", s => s.PerSecond), $"through the engine, images of {Tasks} tasks in a mixed run")
                .Add($"{name}_mixed_over_engine", Ratios("mixed", "engine"), "time of a mixed run over that of a run of one task")
                .Add($"{name}_floor_ms", floor, "an image's matrix products at the device's peak")
                .Add($"{name}_resident_over_floor", Series("resident", s => s.Samples.Median / s.Images / floor), "distance to it")
                .Add($"{name}_peak_gflops", peak / 1e9, "products of large matrices on the device")
                .Add($"{name}_nodes_on_host", _engine.NodesOnHost.Values.Sum(), "operators that do not run on the device")
                .Add($"{name}_spread", Series("resident", s => s.Samples.Spread), "of the resident graph's times: half the distance between the quartiles over the median");
        }

        public void Dispose()
        {
            foreach (OrtValue pixels in _pixels) pixels.Dispose();
            _constant.Dispose();
            _inputs.Dispose();
            _merged.HeadWeight.Dispose();
            _merged.HeadBias.Dispose();
            _merging.Dispose();
            _engine.Dispose();
        }

        private float[] Run(OrtValue[] inputs)
        {
            using OrtValue logits = _inputs.Run(inputs)[0];
            return logits.AsSpan<float>().ToArray();
        }

        private async Task<float[]> PredictAsync(PredictionRequest[] batch)
        {
            Prediction[] predictions = await Task.WhenAll(_engine.PredictAsync(batch));
            return [.. predictions[0].Scores.Select(s => s.Logit)];
        }

        private void Compare(float[] found, float[] expected, string what)
        {
            float tolerance = _precision == Precision.Fp32 ? 1e-3f : 3e-2f;
            for (int i = 0; i < expected.Length; i++)
                if (!(Math.Abs(found[i] - expected[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i]))))
                    throw new InvalidOperationException($"{what}: found a logit of {found[i]}, expected {expected[i]} as of the other sides.");
        }

        private Dictionary<string, double> Series(string name, Func<Side, double> value) =>
            _sides.Where(s => s.Name == name).ToDictionary(s => s.Images.ToString(CultureInfo.InvariantCulture), value);

        private Dictionary<string, double> Ratios(string name, string other) => _sides.Where(s => s.Name == name)
            .Join(_sides.Where(s => s.Name == other), s => s.Images, s => s.Images, (mine, theirs) => (mine, theirs))
            .ToDictionary(p => p.mine.Images.ToString(CultureInfo.InvariantCulture), p => p.mine.Samples.Over(p.theirs.Samples));
    }

    /// <summary>So many images in a run, of one kind.</summary>
    private sealed class Side(string name, int images, Func<Task<float[]>> run)
    {
        private int _repeats = 1;

        public string Name => name;

        public int Images => images;

        /// <summary>What a run takes.</summary>
        public TimeSpan Run { get; private set; }

        public float[] FirstLogits { get; private set; } = [];

        public Samples Samples { get; } = new();

        public double PerSecond => 1000 * images / Samples.Median;

        /// <summary>Runs until everything is compiled, and finds out how long a run takes.</summary>
        /// <returns>The logits, the first image's first.</returns>
        public async Task<float[]> WarmUpAsync()
        {
            FirstLogits = await run();
            long start = Stopwatch.GetTimestamp();
            await run();
            Run = Stopwatch.GetElapsedTime(start);
            _repeats = (int)Math.Clamp(s_measurement / Run, 1, 100);
            return FirstLogits;
        }

        public async Task MeasureAsync()
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < _repeats; i++) await run();
            Samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / _repeats);
        }
    }
}
