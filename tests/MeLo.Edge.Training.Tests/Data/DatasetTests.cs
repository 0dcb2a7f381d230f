using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class DatasetTests
{
    [Fact]
    public void SamplesThatDoNotFit_AreReportedTogether()
    {
        Sample[] samples = [new("1", [1, 0], "p", null), new("2", [1, 1], null, DatasetPart.Train)];
        DatasetException e = Assert.Throws<DatasetException>(() => Dataset.Of("made", ["a", "a"], isMultiLabel: false, samples, new ArrayPictures([], [1, 1])));
        Assert.StartsWith("made: 4 faults", e.Message, StringComparison.Ordinal);
        foreach (string fault in (string[])["found the labels a, a", "'2': found targets [1,1], expected 2, each 0 or 1, and a single 1", "samples with a part and others without", "samples with a patient and others without"])
            Assert.Contains(fault, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new float[] { 1, 0, 0 })]
    [InlineData(new float[] { 0, 0 })]
    [InlineData(new float[] { 0.5f, 0.5f })]
    [InlineData(new float[] { float.NaN, 1 })]
    public void TargetsOfASingleLabel_AreAsManyAndOneOfThem(float[] targets) =>
        Assert.Throws<DatasetException>(() => Dataset.Of("made", ["a", "b"], isMultiLabel: false, [new Sample("1", targets, null, null)], new ArrayPictures([], [1, 1])));

    [Fact]
    public void Digest_IsOfEverythingThatASampleIs()
    {
        Sample sample = new("1", [1, 0], "p", DatasetPart.Train);
        string[] digests =
        [
            Digest(["a", "b"], sample), Digest(["a", "c"], sample), Digest(["a", "b"], sample with { Id = "2" }), Digest(["a", "b"], sample with { Targets = [0, 1] }),
            Digest(["a", "b"], sample with { Patient = "q" }), Digest(["a", "b"], sample with { Part = DatasetPart.Test }), Digest(["a", "b"], sample with { Content = "other" }),
        ];
        Assert.Equal(digests.Length, digests.Distinct().Count());
        Assert.Equal(digests[0], Digest(["a", "b"], sample with { }));

        static string Digest(string[] labels, Sample sample) => Dataset.Of("made", labels, false, [sample], new ArrayPictures([], [1, 1])).Digest;
    }
}
