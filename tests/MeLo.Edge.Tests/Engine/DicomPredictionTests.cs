using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Engine;

public sealed class DicomPredictionTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly byte[] s_levels = [.. Enumerable.Range(0, 40 * 30).Select(i => (byte)(i * 7))];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Image_IsWhatTheBundlesWindowShows()
    {
        using EdgeEngine engine = fixture.Load();
        InstalledTask task = engine.Install(fixture.Bundle("lung", 1, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Window(127.5, 255, DicomVoiFunction.LinearExact) } }));
        short[] pixels = [.. s_levels.Select(l => (short)l)];
        Prediction found = await engine.PredictAsync("lung", TestDicom.Gray(40, 30, pixels).File(), Cancellation);
        Prediction implied = await engine.PredictAsync("lung", TestDicom.Gray(40, 30, pixels, isExplicit: false).File(TestDicom.Implicit), Cancellation);
        Assert.Equal(Logits(found), Logits(implied));
        float[] prepared = new float[task.Description.Input.Preprocess.TensorLength];
        Preprocessing.Apply(PixelBuffer.FromSingles(40, 30, 1, [.. s_levels.Select(l => l / 255f)]), task.Description.Input.Preprocess, prepared);
        Prediction expected = await engine.PredictAsync(task, PreparedImage.FromPixels(prepared, task.Description.Input), Cancellation);
        Assert.Equal(Logits(expected), Logits(found), (a, b) => Math.Abs(a - b) < 1e-4);
    }

    [Fact]
    public async Task BundleThatSaysNothingOfDicom_TakesNone()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("lung", 1));
        byte[] file = TestDicom.Bytes(40, 30, 1, "MONOCHROME2", s_levels).File();
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("lung", file, Cancellation));
        Assert.Contains("input.dicom", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsFileAtFault);
    }

    [Fact]
    public async Task ImageOfAnotherWindow_IsNotTaken()
    {
        using EdgeEngine engine = fixture.Load();
        InstalledTask soft = engine.Install(fixture.Bundle("soft", 1, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Window(40, 400) } }));
        InstalledTask bone = engine.Install(fixture.Bundle("bone", 1, change: d => d with { Input = d.Input with { Dicom = DicomVoi.Window(300, 2000) } }));
        PreparedImage image = engine.Prepare(soft, TestDicom.Bytes(40, 30, 1, "MONOCHROME2", s_levels).File());
        await Assert.ThrowsAsync<ArgumentException>(() => engine.PredictAsync(bone, image, Cancellation));
    }

    private static double[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];
}
