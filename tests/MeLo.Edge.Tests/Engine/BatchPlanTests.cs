using MeLo.Edge.Engine;

namespace MeLo.Edge.Tests.Engine;

public sealed class BatchPlanTests
{
    [Fact]
    public void LinearCost_LearnsAStraightLine_AndLeavesTheFirstRunOfEachSizeOut()
    {
        LinearCost cost = new();
        Assert.Null(cost.Of(4));
        foreach (int n in (int[])[1, 4, 16]) cost.Record(n, 1000); // shaders
        Assert.Null(cost.Of(4));
        foreach (int n in (int[])[1, 4, 16, 4, 1]) cost.Record(n, 5 + (2 * n));
        Assert.Equal(5 + (2 * 8), cost.Of(8)!.Value, 6);
        Assert.Equal(5 + (2 * 64), cost.Of(64)!.Value, 6);
    }

    [Fact]
    public void LinearCost_FollowsADeviceThatSlowsDown()
    {
        LinearCost cost = new();
        for (int i = 0; i < 20; i++) cost.Record(8, 10);
        Assert.Equal(10, cost.Of(8)!.Value, 6);
        for (int i = 0; i < 200; i++) cost.Record(8, 40);
        Assert.Equal(40, cost.Of(8)!.Value, 0);
        Assert.Equal(80, cost.Of(16)!.Value, 0); // one size alone: in proportion
    }

    [Fact]
    public void OneGroup_IsMerged()
    {
        Assert.Equal([false], BatchPlan.Choose([(8, false)], Costs(fixedPart: 10, mixedFactor: 0.1, cold: 50), stackIsReady: true));
    }

    [Fact]
    public void ManySmallGroups_ShareARun_WhereRunsHaveAFixedPart()
    {
        BatchCosts costs = Costs(fixedPart: 10, mixedFactor: 1.5, cold: 0);
        Assert.Equal([true, true, true, true], BatchPlan.Choose([(1, true), (1, true), (1, true), (1, true)], costs, stackIsReady: true));
    }

    [Fact]
    public void LargeGroup_IsMerged_AndTheSmallOnesShareARun()
    {
        BatchCosts costs = Costs(fixedPart: 10, mixedFactor: 1.5, cold: 0);
        Assert.Equal([true, false, true, true], BatchPlan.Choose([(1, true), (61, true), (1, true), (1, true)], costs, stackIsReady: true));
    }

    [Fact]
    public void MergedWeightsThatAreNotThere_MakeAMixedRunPay_AndSendingAdaptersMakesItNot()
    {
        BatchCosts costs = Costs(fixedPart: 0, mixedFactor: 1.5, cold: 30);
        Assert.Equal([true, true], BatchPlan.Choose([(4, false), (4, false)], costs, stackIsReady: true));
        Assert.Equal([false, false], BatchPlan.Choose([(4, true), (4, true)], costs, stackIsReady: true));
        costs.RecordStack(100);
        Assert.Equal([false, false], BatchPlan.Choose([(4, false), (4, false)], costs, stackIsReady: false));
    }

    [Fact]
    public void MixedRun_ThatWasNeverMeasured_IsTried()
    {
        BatchCosts costs = new();
        for (int i = 0; i < 2; i++)
            foreach (int n in (int[])[1, 8]) costs.Merged.Record(n, 10 + n);
        Assert.Equal([true, true], BatchPlan.Choose([(1, true), (1, true)], costs, stackIsReady: true));
    }

    // What the plan costs by the same figures is never above any other split by size.
    [Fact]
    public void Choice_IsTheCheapestOfAllSubsets()
    {
        Random random = new(5);
        for (int round = 0; round < 300; round++)
        {
            (int Images, bool IsMerged)[] groups = [.. Enumerable.Range(0, random.Next(2, 7)).Select(_ => (random.Next(1, 20), random.Next(2) == 0))];
            double fixedPart = random.NextDouble() * 20, factor = 1 + random.NextDouble(), cold = random.NextDouble() * 10;
            BatchCosts costs = Costs(fixedPart, factor, cold);
            bool[] chosen = BatchPlan.Choose(groups, costs, stackIsReady: true);
            double best = Enumerable.Range(0, 1 << groups.Length).Where(m => int.PopCount(m) != 1).Min(m => Cost(g => (m >> g & 1) != 0));
            // By size alone a subset can be missed where tasks of about one size differ in whether they are merged: by at most one switch each.
            Assert.InRange(Cost(g => chosen[g]), best - 1e-9, best + (cold * groups.Length) + 1e-9);

            double Cost(Func<int, bool> isMixed)
            {
                int together = groups.Select((g, i) => isMixed(i) ? g.Images : 0).Sum();
                return (together == 0 ? 0 : factor * (fixedPart + together))
                    + groups.Select((g, i) => isMixed(i) ? 0 : fixedPart + g.Images + (g.IsMerged ? 0 : cold)).Sum();
            }
        }
    }

    // Runs take fixedPart + 1 ms an image merged, that times the factor mixed.
    private static BatchCosts Costs(double fixedPart, double mixedFactor, double cold)
    {
        BatchCosts costs = new();
        for (int i = 0; i < 3; i++)
        {
            foreach (int n in (int[])[1, 8, 32])
            {
                costs.Merged.Record(n, fixedPart + n);
                costs.Mixed.Record(n, mixedFactor * (fixedPart + n));
            }
        }
        if (cold > 0) costs.RecordSwitch(new SwitchTiming(SwitchKind.Cold, true, 0, 0, 0, 0, cold * 1000));
        return costs;
    }
}
