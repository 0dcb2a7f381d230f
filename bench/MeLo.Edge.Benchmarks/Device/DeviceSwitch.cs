using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The benchmark 'switch' on a device. A switch ends when its run can be given to the device, which may still merge then: what a merge takes until it is done is
/// measured beside, and held against what the device's memory allows.
/// </summary>
internal static class DeviceSwitch
{
    private const int Tasks = 10, WarmUpRounds = 10;

    // What a session created anew takes scatters little, and would take most of the time.
    private const int Reloads = 5;

    public static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkDevice device = new(settings.Provider);
        using BenchmarkModel model = BenchmarkModel.ForDevice(settings);
        Progress.Show("memory bandwidth");
        double bandwidth = DeviceLimits.CopyBytesPerSecond(device);
        using BasePackage package = BasePackage.OpenUnchecked(model.BaseFolder); // the engine checks it
        // Two tasks fit. The last stays, being used in every round; of the others the next was always evicted.
        using EdgeEngine engine = model.Load(settings, device, cachedTasks: 2);
        InstalledTask[] tasks = model.Install(engine, Tasks);
        LoraAdapter[] adapters = [.. Enumerable.Range(0, Tasks).Select(model.AdapterOf)];
        using DeviceMerge merging = new(package, settings.Precision, device, adapters[0]);
        byte[] other = OnnxWriter.ToBytes(model.ConstantGraph(package, settings.Precision, adapters[1]));
        PreparedImage image = PreparedImage.FromPixels(model.Pixels(1), tasks[0].Description.Input);

        Samples cold = new(), warm = new(), sameRun = new(), coldRun = new(), warmRun = new(), merge = new(), upload = new(), wait = new(), reload = new();
        RoundBudget budget = new(settings);
        for (int round = -WarmUpRounds; round < 0 || budget.Next(); round++)
        {
            int task = (round + WarmUpRounds) % (Tasks - 1);
            await engine.PredictAsync(tasks[^1], image, cancellation);
            Prediction first = await engine.PredictAsync(tasks[task], image, cancellation);
            Prediction back = await engine.PredictAsync(tasks[^1], image, cancellation);
            Prediction same = await engine.PredictAsync(tasks[^1], image, cancellation);
            if (round < 0)
            {
                Merge(adapters[task], device, merging);
                Upload(adapters[task], device, merging);
                continue;
            }
            SwitchBenchmark.Require(first, SwitchKind.Cold);
            SwitchBenchmark.Require(back, SwitchKind.Warm);
            cold.Add(first.Timing.Switch.TotalMicroseconds / 1000);
            warm.Add(back.Timing.Switch.TotalMicroseconds / 1000);
            coldRun.Add(first.Timing.InferenceMilliseconds);
            warmRun.Add(back.Timing.InferenceMilliseconds);
            sameRun.Add(same.Timing.InferenceMilliseconds);
            wait.Time(device.Wait);
            merge.Time(() => Merge(adapters[task], device, merging));
            upload.Time(() => Upload(adapters[task], device, merging));
            if (round >= Reloads) continue;
            OrtSession? session = null;
            reload.Time(() =>
            {
                session = device.Session(other, model.BaseFolder);
                device.Wait();
            });
            session!.Dispose();
        }
        long before = merging.UploadedBytes;
        Merge(adapters[0], device, merging);
        double uploaded = (merging.UploadedBytes - before) / 1e6;
        Progress.Show("memory bandwidth");
        bandwidth = Math.Max(bandwidth, DeviceLimits.CopyBytesPerSecond(device));
        Progress.Clear();

        Samples done = merge.Without(wait), sent = upload.Without(wait), beyond = merge.Without(upload);
        double bound = (model.PristineBytes + model.TaskBytes) / bandwidth * 1000;
        new Report("switch", settings with { Rounds = budget.Rounds }, device.Provider.Device)
            .Add("switched_mb", model.TaskBytes / 1e6, "bytes of the matrices that change")
            .Add("tasks", Tasks, "installed; two fit into the cache")
            .Add("nodes_on_host", engine.NodesOnHost.Values.Sum(), "operators of the resident graph that do not run on the device")
            .Add("uploaded_mb", uploaded, "what a cold switch brings to the device: A, B and the head")
            .Add("upload_ms", sent.Median, "bringing that there")
            .Add("cold_ms", cold.Median, "cold switch: decision until its run can be given to the device")
            .Add("cold_p99_ms", cold.P99, "its 99th percentile")
            .Add("cold_done_ms", done.Median, "the merge of a cold switch until the device has done it")
            .Add("cold_done_p99_ms", done.P99, "its 99th percentile")
            .Add("cold_done_beyond_upload_ms", beyond.Median, "what of it is not bringing A, B and the head there")
            .Add("warm_us", warm.Median * 1000, "warm switch: decision to ready; aim: below 50")
            .Add("warm_p99_us", warm.P99 * 1000, "its 99th percentile")
            .Add("copy_gb_per_s", bandwidth / 1e9, "copying within the device's memory, bytes read and written")
            .Add("merge_bound_ms", bound, "the limit: W read and W' written at that bandwidth")
            .Add("cold_done_over_merge_bound", done.Median / bound, "distance to it")
            .Add("cold_done_beyond_upload_over_merge_bound", beyond.Median / bound, "distance to it, what is brought there left out")
            .Add("session_reload_ms", reload.Median, "without this project: a session created from the other task's merged model, which lies in memory")
            .Add("reload_over_cold_done", reload.Median / done.Median, "")
            .Add("reload_over_warm", reload.Over(warm), "")
            .Add("run_after_cold_over_run_without_switch", coldRun.Over(sameRun), "what a switch, merge included, costs the run behind it")
            .Add("run_after_warm_over_run_without_switch", warmRun.Over(sameRun), "likewise")
            .Add("wait_ms", wait.Median, "bringing a number back from an idle device, which is subtracted above")
            .Add("cold_spread", cold.Spread, "half the distance between the quartiles over the median")
            .Add("cold_done_spread", done.Spread, "likewise")
            .Print();
        return 0;
    }

    private static void Merge(LoraAdapter adapter, BenchmarkDevice device, DeviceMerge merging)
    {
        MergedTask merged = merging.Merge(adapter);
        device.Wait();
        merged.HeadWeight.Dispose();
        merged.HeadBias.Dispose();
    }

    private static void Upload(LoraAdapter adapter, BenchmarkDevice device, DeviceMerge merging)
    {
        merging.Upload(adapter);
        device.Wait();
    }
}
