using MeLo.Edge.Imaging;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class SplitsTests
{
    [Fact]
    public void SharesAreStratified_AndExactWhereTheyCanBe()
    {
        Dataset dataset = Single([.. Enumerable.Repeat(0, 200), .. Enumerable.Repeat(1, 100), .. Enumerable.Repeat(2, 20)]);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.Equal([140, 70, 14], Counts(dataset, splits.Train));
        Assert.Equal([30, 15, 3], Counts(dataset, splits.Validation));
        Assert.Equal([30, 15, 3], Counts(dataset, splits.Test));
        AssertPartition(dataset, splits);
    }

    [Fact]
    public void TheSameSeed_GivesTheSameSplit_AndAnotherAnother()
    {
        Dataset dataset = Single([.. Enumerable.Range(0, 60).Select(i => i % 2)]);
        Splits one = Splits.Of(dataset, new SplitOptions { Seed = 7 }), same = Splits.Of(dataset, new SplitOptions { Seed = 7 }), other = Splits.Of(dataset, new SplitOptions { Seed = 8 });
        Assert.Equal(one.Test, same.Test);
        Assert.NotEqual(one.Test, other.Test);
        // What a seed gives must not change from one version to the next: runs are compared by it.
        Assert.Equal("6,13,15,21,23,24,26,32,39", string.Join(',', one.Test));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void RareClasses_AreInEveryPart(int count)
    {
        Dataset dataset = Single([.. Enumerable.Repeat(0, 50), .. Enumerable.Repeat(1, count)]);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.All([splits.Train, splits.Validation, splits.Test], part => Assert.True(Counts(dataset, part)[1] > 0));
    }

    [Fact]
    public void TooRareClasses_AreNamed()
    {
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Single([0, 0, 0, 0, 0, 1, 1]), new SplitOptions()));
        Assert.Contains("class 'c1' has 2 samples, and none of them for the test", e.Message, StringComparison.Ordinal);
        Assert.Empty(Splits.Of(Single([0, 0, 0, 0, 0, 1, 1]), new SplitOptions { Test = 0 }).Test);
    }

    [Fact]
    public void PatientsStayTogether_AndSharesStillHold()
    {
        SplitMix64 random = new(3);
        List<Sample> samples = [];
        for (int patient = 0; patient < 150; patient++)
        {
            int label = random.Below(3), pictures = 1 + random.Below(5);
            for (int i = 0; i < pictures; i++) samples.Add(new Sample($"{patient}-{i}", OneHot(label, 3), $"p{patient}", null));
        }
        Dataset dataset = Of(["a", "b", "c"], false, samples);
        Splits splits = Splits.Of(dataset, new SplitOptions());

        AssertPartition(dataset, splits);
        IEnumerable<string?>[] patients = [Patients(splits.Train), Patients(splits.Validation), Patients(splits.Test)];
        Assert.Equal(150, patients.Sum(p => p.Count()));
        int[] all = Counts(dataset, [.. Enumerable.Range(0, samples.Count)]), test = Counts(dataset, splits.Test), validation = Counts(dataset, splits.Validation);
        for (int c = 0; c < 3; c++)
        {
            Assert.InRange(test[c], (0.15 * all[c]) - 2, (0.15 * all[c]) + 2);
            Assert.InRange(validation[c], (0.15 * all[c]) - 2, (0.15 * all[c]) + 2);
        }

        IEnumerable<string?> Patients(IReadOnlyList<int> part) => part.Select(i => dataset.Samples[i].Patient).Distinct();
    }

    [Fact]
    public void AClassOfTwoPatients_CannotBeInThreeParts()
    {
        List<Sample> samples = [.. Enumerable.Range(0, 40).Select(i => new Sample($"{i}", OneHot(0, 2), $"p{i / 2}", null)), .. Enumerable.Range(40, 10).Select(i => new Sample($"{i}", OneHot(1, 2), $"q{i % 2}", null))];
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Of(["a", "b"], false, samples), new SplitOptions()));
        Assert.Contains("class 'b' has 10 samples of 2 patients, and none of them for", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralLabels_AreStratifiedTogether()
    {
        SplitMix64 random = new(5);
        double[] frequencies = [0.5, 0.2, 0.05, 0.02];
        List<Sample> samples = [];
        for (int i = 0; i < 1000; i++)
        {
            float[] targets = new float[4];
            for (int l = 0; l < 4; l++) targets[l] = random.Unit() < frequencies[l] ? 1 : 0;
            samples.Add(new Sample($"{i}", targets, null, null));
        }
        Dataset dataset = Of(["a", "b", "c", "d"], true, samples);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        AssertPartition(dataset, splits);
        int[] all = Counts(dataset, [.. Enumerable.Range(0, 1000)]), test = Counts(dataset, splits.Test);
        for (int l = 0; l < 4; l++) Assert.InRange(test[l], (0.15 * all[l]) - 2, (0.15 * all[l]) + 2);
        Assert.InRange(splits.Test.Count, 147, 153);
    }

    [Fact]
    public void CopiesOfAPicture_StayTogether_AndAreFoundWhereThePartsAreGiven()
    {
        Sample[] copies = [.. Enumerable.Range(0, 120).Select(i => new Sample($"{i}", OneHot(i % 2, 2), null, null) { Content = $"{i / 4 * 2 + (i % 2)}" })];
        Dataset dataset = Of(["a", "b"], false, copies);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        AssertPartition(dataset, splits);
        Assert.Empty(splits.Shared(dataset));

        Dataset given = Of(["a", "b"], false, [.. copies.Select((s, i) => s with { Part = (DatasetPart)(i % 6 / 2), Content = i is 3 or 8 or 10 ? "same" : $"{i}" })]);
        Assert.Equal(["3", "8", "10"], Assert.Single(Splits.Of(given, new SplitOptions()).Shared(given)).OrderBy(int.Parse));
    }

    [Fact]
    public void GivenParts_AreTakenAsTheyAre()
    {
        Dataset dataset = Of(["a", "b"], false, [.. Both(DatasetPart.Test), .. Both(DatasetPart.Train), .. Both(DatasetPart.Validation)]);
        Splits splits = Splits.Of(dataset, new SplitOptions { Seed = 99 });
        Assert.Equal([0, 1], splits.Test);
        Assert.Equal([2, 3], splits.Train);
        Assert.Equal([4, 5], splits.Validation);

        static IEnumerable<Sample> Both(DatasetPart part) => Enumerable.Range(0, 2).Select(l => new Sample($"{part}{l}", OneHot(l, 2), null, part));
    }

    [Fact]
    public void GivenPartsThatLackClasses_AreNamed_AndThoseThatCannotChoose_Refused()
    {
        Sample[] samples = [.. Enumerable.Range(0, 9).Select(i => new Sample($"{i}", OneHot(i % 3, 3), null, (DatasetPart)(i / 3)))];
        Dataset missing = Of(["a", "b", "c"], false, [.. samples.Where(s => s.Part == DatasetPart.Train || s.Targets[2] == 0)]);
        Assert.Equal(["no sample of 'c' to choose by", "no sample of 'c' to test on"], Splits.Of(missing, new SplitOptions()).Undefined(missing));
        Dataset useless = Of(["a", "b", "c"], false, [.. samples.Where(s => s.Part == DatasetPart.Train || s.Targets[1] == 1)]);
        Assert.Contains("all 1 samples for validation have the same labels", Assert.Throws<DatasetException>(() => Splits.Of(useless, new SplitOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void APartThatIsNotGiven_ComesFromTheTrainingSamples()
    {
        Sample[] samples = [.. Enumerable.Range(0, 100).Select(i => new Sample($"{i}", OneHot(i % 2, 2), null, i < 85 ? DatasetPart.Train : DatasetPart.Test))];
        Splits splits = Splits.Of(Of(["a", "b"], false, samples), new SplitOptions());
        Assert.Equal(Enumerable.Range(85, 15), splits.Test);
        Assert.Equal(15, splits.Validation.Count);
        Assert.Equal(70, splits.Train.Count);
    }

    [Fact]
    public void APatientInTwoGivenParts_IsRefused()
    {
        Sample[] samples = [.. Enumerable.Range(0, 6).Select(i => new Sample($"{i}", OneHot(i % 2, 2), i is 1 or 5 ? "x" : $"{i}", (DatasetPart)(i / 2)))];
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Of(["a", "b"], false, samples), new SplitOptions()));
        Assert.Contains("'1' for training and '5' for the test are of one patient", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void Folds_TestEverySampleOnce_AndNoneOfTheTest(int count)
    {
        Dataset dataset = Of(["a", "b"], false, [.. Enumerable.Range(0, 240).Select(i => new Sample($"{i}", OneHot(i % 6 == 0 ? 1 : 0, 2), $"p{i / 2}", null))]);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        IReadOnlyList<Splits> folds = splits.Folds(dataset, count, seed: 1);
        int[] among = [.. splits.Train.Concat(splits.Validation).Order()];
        Assert.Equal(count, folds.Count);
        Assert.Equal(among, folds.SelectMany(f => f.Test).Order());
        Assert.Equal(among, folds.SelectMany(f => f.Validation).Order());
        Assert.All(folds, fold =>
        {
            Assert.Equal(among, fold.Train.Concat(fold.Validation).Concat(fold.Test).Order());
            Assert.Empty(Patients(fold.Test).Intersect(Patients(fold.Train).Concat(Patients(fold.Validation))));
            Assert.InRange(Counts(dataset, fold.Test)[1], (splits.Train.Count + splits.Validation.Count) / 6 / count - 1, (splits.Train.Count + splits.Validation.Count) / 6 / count + 2);
        });
        Assert.Equal(folds[0].Test, splits.Folds(dataset, count, seed: 1)[0].Test);
        Assert.NotEqual(folds[0].Test, splits.Folds(dataset, count, seed: 2)[0].Test);

        IEnumerable<string?> Patients(IReadOnlyList<int> part) => part.Select(i => dataset.Samples[i].Patient);
    }

    [Fact]
    public void CopiesUnderTwoPatients_StayTogether()
    {
        // Patient i has the pictures i and i + 1: of every eight, all belong together.
        Sample[] samples = [.. Enumerable.Range(0, 160).Select(i => new Sample($"{i}", OneHot(i / 16 % 2, 2), $"p{i / 2}", null) { Content = $"{i / 16}-{(i % 16 + 1) / 2}" })];
        Dataset dataset = Of(["a", "b"], false, samples);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.Empty(splits.Shared(dataset));
        Assert.All([splits.Train, splits.Validation, splits.Test], part => Assert.Equal(part, part.Select(i => i / 16).Distinct().SelectMany(g => Enumerable.Range(16 * g, 16))));
    }

    [Fact]
    public void FoldsThatLackAClass_AreNamed()
    {
        Dataset dataset = Single([.. Enumerable.Repeat(0, 40), .. Enumerable.Repeat(1, 5)]);
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.Contains("class 'c1' has 4 different samples among those to train on and to choose by, expected at least 5 for as many folds; at most 4 folds can be made", Assert.Throws<DatasetException>(() => splits.Folds(dataset, 5, seed: 1)).Message, StringComparison.Ordinal);
        Assert.Equal(4, splits.Folds(dataset, 4, seed: 1).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => splits.Folds(dataset, 2, seed: 1));
    }

    [Fact]
    public void SharesThatMakeNoSense_AreRefusedTogether()
    {
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Single([0, 1]), new SplitOptions { Validation = 0, Test = 1 }));
        Assert.Contains("share for validation: found 0", e.Message, StringComparison.Ordinal);
        Assert.Contains("share for the test: found 1", e.Message, StringComparison.Ordinal);
    }

    private static void AssertPartition(Dataset dataset, Splits splits)
    {
        Assert.Equal(Enumerable.Range(0, dataset.Samples.Count), splits.Train.Concat(splits.Validation).Concat(splits.Test).Order());
        Assert.All([splits.Train, splits.Validation, splits.Test], part => Assert.Equal(part.Order(), part));
    }

    private static int[] Counts(Dataset dataset, IReadOnlyList<int> part) =>
        [.. Enumerable.Range(0, dataset.Labels.Count).Select(l => part.Count(i => dataset.Samples[i].Targets[l] > 0))];

    private static Dataset Single(int[] labels) =>
        Of([.. Enumerable.Range(0, labels.Max() + 1).Select(l => $"c{l}")], false, [.. labels.Select((l, i) => new Sample($"{i}", OneHot(l, labels.Max() + 1), null, null))]);

    private static float[] OneHot(int label, int labels)
    {
        float[] targets = new float[labels];
        targets[label] = 1;
        return targets;
    }

    private static Dataset Of(string[] labels, bool isMultiLabel, IReadOnlyList<Sample> samples) =>
        Dataset.Of("test", labels, isMultiLabel, samples, new ArrayPictures([.. samples.Select(_ => new byte[1])], [1, 1]));
}
