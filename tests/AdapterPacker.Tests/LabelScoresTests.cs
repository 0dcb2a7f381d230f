namespace AdapterPacker.Tests;

public sealed class LabelScoresTests
{
    [Theory]
    [InlineData(2, 1)]
    [InlineData(7, 2)]
    [InlineData(50, 3)]
    [InlineData(200, 4)]
    [InlineData(200, 1000)]
    public void Auc_IsTheShareOfPairsInOrder_TiesHalf(int inputs, int levels)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            Random random = new(seed);
            double[] scores = [.. Enumerable.Range(0, inputs).Select(_ => random.Next(levels) - (levels / 2.0))];
            bool[] positive = [.. Enumerable.Range(0, inputs).Select(_ => random.Next(3) == 0)];
            positive[0] = true;
            positive[1] = false;
            double expected = PairsInOrder(scores, positive);
            (double[] scoresBefore, bool[] positiveBefore) = ([.. scores], [.. positive]);
            Assert.Equal(expected, LabelScores.Auc(scores, positive)!.Value, 1e-12);
            Assert.Equal(scoresBefore, scores);
            Assert.Equal(positiveBefore, positive);
        }
    }

    [Fact]
    public void Auc_OfOneKindOnly_IsNone()
    {
        Assert.Null(LabelScores.Auc([1, 2, 3], [true, true, true]));
        Assert.Null(LabelScores.Auc([1, 2, 3], [false, false, false]));
        Assert.Null(LabelScores.Auc([], []));
    }

    [Fact]
    public void MeanAuc_IsTheMeanOverClasses_OfPairsRankedBySoftmax()
    {
        const int inputs = 40, classes = 4;
        for (int seed = 0; seed < 20; seed++)
        {
            Random random = new(seed);
            float[] logits = [.. Enumerable.Range(0, inputs * classes).Select(_ => (random.NextSingle() * 6) - 3)];
            int[] labels = [.. Enumerable.Range(0, inputs).Select(i => i < classes ? i : random.Next(classes))];
            double mean = Enumerable.Range(0, classes).Average(c => PairsInOrder([.. Enumerable.Range(0, inputs).Select(i => Softmax(logits, i, c, classes))], [.. labels.Select(l => l == c)]));
            Assert.Equal(mean, LabelScores.MeanAuc(logits, labels, classes), 1e-12);
        }
    }

    [Fact]
    public void ClassThatNoInputHas_IsLeftOut_AndOneClassOnlyHasNoAuc()
    {
        // Classes 0 and 1 are told apart; nothing is of class 2.
        Assert.Equal(1, LabelScores.MeanAuc([3, 0, 1, 2, 0, 0, 0, 3, 1, 0, 2, 1], [0, 0, 1, 1], classes: 3));
        Assert.True(double.IsNaN(LabelScores.MeanAuc([3, 0, 2, 0], [0, 0], classes: 2)));
        Assert.True(double.IsNaN(LabelScores.MeanAuc([3, 2], [0, 0], classes: 1)));
    }

    [Fact]
    public void VerySureLogits_AreStillRanked()
    {
        // All four probabilities of class 0 are 1 in binary64; the sure positives are the surer ones.
        Assert.Equal(1, LabelScores.MeanAuc([100, 0, 90, 0, 60, 0, 50, 0], [0, 0, 1, 1], classes: 2));
    }

    [Fact]
    public void Accuracy_IsTheShareOfLargestLogitsThatAreLabelled()
    {
        Assert.Equal(0.75, LabelScores.Accuracy([1, 0, 0, 1, 5, 4, -2, -1], [0, 1, 1, 1], classes: 2));
        Assert.Equal(0, LabelScores.Accuracy([1, 0], [1], classes: 2));
    }

    private static double PairsInOrder(double[] scores, bool[] positive)
    {
        double won = 0, pairs = 0;
        for (int p = 0; p < scores.Length; p++)
            for (int n = 0; n < scores.Length; n++)
            {
                if (!positive[p] || positive[n]) continue;
                pairs++;
                won += scores[p] > scores[n] ? 1 : scores[p] < scores[n] ? 0 : 0.5;
            }
        return won / pairs;
    }

    private static double Softmax(float[] logits, int input, int label, int classes) =>
        Math.Exp(logits[(input * classes) + label]) / Enumerable.Range(0, classes).Sum(c => Math.Exp(logits[(input * classes) + c]));
}
