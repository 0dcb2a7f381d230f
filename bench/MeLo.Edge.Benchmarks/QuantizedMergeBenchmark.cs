using System.CommandLine;
using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>The merge of one task into eight-bit weights against the memory it must move, and against the merge that does not quantise.</summary>
internal static unsafe class QuantizedMergeBenchmark
{
    private const int Rank = 4;

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 100);
        Command command = new("quantized-merge", "Merging a task into int8 weights against moving the same bytes.");
        options.AddTo(command);
        command.SetAction(result => Run(options.Read(result)));
        return command;
    }

    private static int Run(BenchmarkOptions.Settings settings)
    {
        int dim = settings.Model.Dim, matrices = 2 * settings.Model.Depth;
        PackedMatrix shape = new(dim, dim);
        long count = (long)dim * dim, total = matrices * count;
        using HostBuffer pristine = new(total * sizeof(float)), merged = new(total * sizeof(float)), quantized = new(matrices * shape.ByteLength);
        Random random = new(1);
        foreach (ref float w in new Span<float>(pristine.Pointer, (int)total)) w = random.NextSingle() - 0.5f;
        merged.Prefault();
        quantized.Prefault();
        RoundedMergeItem[] items = new RoundedMergeItem[matrices], plain = new RoundedMergeItem[matrices];
        LoraMergeItem[] floats = new LoraMergeItem[matrices];
        for (int i = 0; i < matrices; i++)
        {
            float* w = (float*)pristine.Pointer + (i * count);
            byte* q = quantized.Pointer + (i * shape.ByteLength);
            LoraPair pair = new(new LinearId(i / 2, i % 2 == 0 ? VitLinear.Query : VitLinear.Value), Rank, dim, dim, Values(), Values());
            items[i] = new RoundedMergeItem(w, q, pair, 0.5f);
            plain[i] = new RoundedMergeItem(w, dim, dim, q);
            floats[i] = new LoraMergeItem(w, (float*)merged.Pointer + (i * count), pair, 0.5f);
        }

        Samples quantizing = new(), quantizingPlain = new(), merging = new(), fold = new(), copy = new();
        using MemoryFold memory = new(total * sizeof(float), settings.Threads);
        using MemoryCopy half = new((total * sizeof(float) + total) / 2, settings.Threads);
        for (int round = -3; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            Time(quantizing, () => QuantizedMerge.Run(items, settings.Threads));
            Time(fold, memory.Run);
            Time(copy, half.Run);
            Time(quantizingPlain, () => QuantizedMerge.Run(plain, settings.Threads));
            Time(merging, () => LoraMerge.Run(floats, settings.Threads));

            void Time(Samples samples, Action action) => (round < 0 ? new Samples() : samples).Time(action);
        }
        Progress.Clear();
        new Report("quantized-merge", settings)
            .Add("read_mb", total * sizeof(float) / 1e6, "fp32 weights read")
            .Add("written_mb", total / 1e6, "int8 weights written")
            .Add("quantized_merge_ms", quantizing.Median, "merged and quantised")
            .Add("quantized_plain_ms", quantizingPlain.Median, "the same weights quantised without a pair")
            .Add("merge_ms", merging.Median, "merged, not quantised")
            .Add("fold_bound_ms", fold.Median, "the limit: as many bytes read and a quarter of them written by as many threads")
            .Add("copy_ms", copy.Median, "a copy that moves as many bytes, half read and half written")
            .Add("quantized_merge_over_fold_bound", quantizing.Over(fold), "aim: at most 1.5")
            .Add("quantized_merge_over_copy", quantizing.Over(copy), "")
            .Add("quantized_merge_over_merge", quantizing.Over(merging), "")
            .Add("quantized_merge_spread", quantizing.Spread, "half the distance between the quartiles over the median")
            .Print();
        return 0;

        float[] Values()
        {
            float[] values = new float[dim * Rank];
            foreach (ref float value in values.AsSpan()) value = (random.NextSingle() - 0.5f) / 10;
            return values;
        }
    }
}
