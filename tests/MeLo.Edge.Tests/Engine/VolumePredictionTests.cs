using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Engine;

public sealed class VolumePredictionTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private const int Classes = 3, Slices = 4;

    private static readonly TestVolume s_volume = TestVolume.Make(8, 20, 16);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(nameof(SliceAggregation.MeanLogits), HeadActivation.Softmax)]
    [InlineData(nameof(SliceAggregation.MaxLogits), HeadActivation.Softmax)]
    [InlineData(nameof(SliceAggregation.MeanProbabilities), HeadActivation.Softmax)]
    [InlineData(nameof(SliceAggregation.MeanProbabilities), HeadActivation.Sigmoid)]
    [InlineData(nameof(SliceAggregation.MaxProbabilities), HeadActivation.Softmax)]
    [InlineData(nameof(SliceAggregation.MaxProbabilities), HeadActivation.Sigmoid)]
    [InlineData(nameof(SliceAggregation.Linear), HeadActivation.Softmax)]
    public async Task AnswersToSlices_BecomeOne(string aggregation, HeadActivation activation)
    {
        using EdgeEngine engine = fixture.Load();
        VolumeRecipe recipe = new(VolumeAxes.All, Slices, Enum.Parse<SliceAggregation>(aggregation));
        LoraAdapter adapter = fixture.Adapter(5, Classes);
        TaskHead? linear = recipe.Aggregation == SliceAggregation.Linear ? RandomHead(2, recipe.Pictures * Classes) : null;
        string[] labels = [.. Enumerable.Range(0, linear is null ? Classes : 2).Select(i => $"class-{i}")];
        engine.Install(fixture.Bundle("knee", 5, adapter: new LoraAdapter(adapter.Scale, adapter.Pairs, adapter.Head, linear),
            change: d => d with { Head = new HeadDescription(labels, activation, "zero"), Input = d.Input with { Dicom = DicomVoi.Range, Volume = recipe } }));
        InstalledTask slice = engine.Install(fixture.Bundle("slice", 5, adapter: adapter));

        // The oracle cuts by hand: slices 1, 3, 5, 7 of 8, and the middles of quarters of the other sides.
        float[] light = (float[])VolumeDecoder.Decode(s_volume.Npy(), DicomVoi.Range, DecodeLimits.Default).Voxels;
        List<(int Width, int Height, float[] Pixels)> pictures = [];
        foreach (int z in (int[])[1, 3, 5, 7]) pictures.Add((16, 20, [.. Pixels(20, 16, (y, x) => At(z, y, x))]));
        foreach (int y in (int[])[2, 7, 12, 17]) pictures.Add((16, 8, [.. Pixels(8, 16, (z, x) => At(z, y, x))]));
        foreach (int x in (int[])[2, 6, 10, 14]) pictures.Add((20, 8, [.. Pixels(8, 20, (z, y) => At(z, y, x))]));
        List<double[]> logits = [];
        foreach ((int width, int height, float[] pixels) in pictures)
        {
            float[] prepared = new float[slice.Description.Input.Preprocess.TensorLength];
            Preprocessing.Apply(PixelBuffer.FromSingles(width, height, 1, pixels), slice.Description.Input.Preprocess, prepared);
            logits.Add([.. (await engine.PredictAsync(slice, PreparedImage.FromPixels(prepared, slice.Description.Input), Cancellation)).Scores.Select(s => (double)s.Logit)]);
        }
        double[] expected = Expected(logits, recipe.Aggregation, activation, linear);

        Prediction found = await engine.PredictAsync("knee", s_volume.Npy(), Cancellation);
        Assert.Equal(labels, found.Scores.Select(s => s.Label));
        Assert.Equal(expected, found.Scores.Select(s => s.Probability), (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Equal(labels[Array.IndexOf(expected, expected.Max())], found.Label);
        // The logits say the same as the probabilities.
        double[] implied = activation == HeadActivation.Sigmoid ? [.. found.Scores.Select(s => 1 / (1 + Math.Exp(-s.Logit)))]
            : [.. found.Scores.Select(s => Math.Exp(s.Logit) / found.Scores.Sum(o => Math.Exp(o.Logit)))];
        Assert.Equal(expected, implied, (a, b) => Math.Abs(a - b) < 1e-5);

        float At(int z, int y, int x) => light[(((z * 20) + y) * 16) + x];
        static IEnumerable<float> Pixels(int height, int width, Func<int, int, float> at) => Enumerable.Range(0, height * width).Select(i => at(i / width, i % width));
    }

    [Fact]
    public async Task FolderOfASeries_IsWhatItsArchiveIs()
    {
        using TemporaryFolder folder = new();
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("knee", 5, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Window(0, 1000), Volume = new VolumeRecipe(VolumeAxes.Axial, 8, SliceAggregation.MeanLogits) } }));
        byte[][] slices = s_volume.Slices();
        for (int i = 0; i < slices.Length; i++) File.WriteAllBytes(folder[$"IM{7 - i}"], slices[i]);
        // What is left there by systems and media is no slice.
        foreach (string leftover in (string[])["DICOMDIR", "Thumbs.db", ".DS_Store"]) File.WriteAllText(folder[leftover], leftover);
        Prediction ofFolder = await engine.PredictAsync("knee", folder.Root, Cancellation);
        Prediction ofArchive = await engine.PredictAsync("knee", SeriesArchive.Pack(slices.Select(s => (ReadOnlyMemory<byte>)s)), Cancellation);
        Prediction ofNifti = await engine.PredictAsync("knee", s_volume.Nifti(isCompressed: true), Cancellation);
        Assert.Equal(Logits(ofFolder), Logits(ofArchive));
        Assert.Equal(Logits(ofFolder), Logits(ofNifti));
    }

    [Fact]
    public async Task VolumesAndImagesInOneBatch_AnswerAsAlone()
    {
        using EdgeEngine engine = fixture.Load();
        InstalledTask knee = engine.Install(fixture.Bundle("knee", 5, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Range, Volume = new VolumeRecipe(VolumeAxes.Axial, 8, SliceAggregation.MeanLogits) } }));
        InstalledTask chest = engine.Install(fixture.Bundle("chest", 6));
        PreparedImage first = engine.Prepare(knee, s_volume.Npy()), second = engine.Prepare(knee, TestVolume.Make(9, 12, 13, seed: 2).Npy()), image = engine.Prepare(chest, EngineFixture.Picture(1));
        Assert.Equal((8, 8, 1), (first.Pictures, second.Pictures, image.Pictures));
        Prediction[] together = await Task.WhenAll(engine.PredictAsync([new(knee, first), new(chest, image), new(knee, second)], Cancellation));
        Assert.Equal(Logits(await engine.PredictAsync(knee, first, Cancellation)), Logits(together[0]));
        Assert.Equal(Logits(await engine.PredictAsync(chest, image, Cancellation)), Logits(together[1]));
        Assert.Equal(Logits(await engine.PredictAsync(knee, second, Cancellation)), Logits(together[2]));
    }

    [Fact]
    public async Task ImageForVolumesAndVolumeForImages_AreRefused()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("knee", 5, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Range, Volume = new VolumeRecipe(VolumeAxes.Axial, 9, SliceAggregation.MeanLogits) } }));
        engine.Install(fixture.Bundle("chest", 6, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        Assert.Contains("expected a volume", (await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("knee", EngineFixture.Picture(1), Cancellation))).Message, StringComparison.Ordinal);
        Assert.Contains("8 x 20 x 16 voxels, expected at least the 9 slices", (await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("knee", s_volume.Npy(), Cancellation))).Message, StringComparison.Ordinal);
        Assert.Contains("5 frames, expected 1", (await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("chest", TestVolume.Make(5, 4, 3).Frames([0, 1, 2, 3, 4]), Cancellation))).Message, StringComparison.Ordinal);
        Assert.Contains("begins with", (await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("chest", s_volume.Npy(), Cancellation))).Message, StringComparison.Ordinal);
    }

    private static double[] Expected(List<double[]> logits, SliceAggregation aggregation, HeadActivation activation, TaskHead? linear)
    {
        double[] Columns(Func<IEnumerable<double>, double> fold, List<double[]> rows) => [.. Enumerable.Range(0, rows[0].Length).Select(c => fold(rows.Select(r => r[c])))];
        double[] Activate(double[] row) => activation == HeadActivation.Sigmoid ? [.. row.Select(v => 1 / (1 + Math.Exp(-v)))] : [.. row.Select(v => Math.Exp(v) / row.Sum(Math.Exp))];
        switch (aggregation)
        {
            case SliceAggregation.MeanLogits: return Activate(Columns(Enumerable.Average, logits));
            case SliceAggregation.MaxLogits: return Activate(Columns(Enumerable.Max, logits));
            case SliceAggregation.MeanProbabilities: return Columns(Enumerable.Average, [.. logits.Select(Activate)]);
            case SliceAggregation.MaxProbabilities:
                double[] largest = Columns(Enumerable.Max, [.. logits.Select(Activate)]);
                return activation == HeadActivation.Sigmoid ? largest : [.. largest.Select(p => p / largest.Sum())];
            default:
                double[] all = [.. logits.SelectMany(r => r)];
                return Activate([.. Enumerable.Range(0, linear!.Classes).Select(c => linear.Bias[c] + all.Select((v, i) => v * linear.Weight[(c * all.Length) + i]).Sum())]);
        }
    }

    private static TaskHead RandomHead(int classes, int dim)
    {
        Random random = new(3);
        return new TaskHead(classes, dim, RandomValues.Normal(random, classes * dim, 0.2f), RandomValues.Normal(random, classes, 0.1f));
    }

    private static double[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => (double)s.Logit)];
}
