using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Tests.Optimization;

public sealed class CosineScheduleTests
{
    [Fact]
    public void Rate_RisesToThePeakAndFallsToTheFloor()
    {
        CosineSchedule schedule = new(Peak: 1e-3, Floor: 1e-6, WarmupSteps: 4, Steps: 105);
        double[] rates = [.. Enumerable.Range(0, 105).Select(schedule.At)];
        Assert.Equal([2e-4, 4e-4, 6e-4, 8e-4, 1e-3], rates[..5].Select(r => Math.Round(r, 12)));
        Assert.Equal((1e-3 + 1e-6) / 2, rates[54], 1e-12);
        Assert.Equal(1e-6, rates[^1], 1e-15);
        for (int i = 5; i < rates.Length; i++) Assert.True(rates[i] < rates[i - 1]);
    }

    [Fact]
    public void OneStep_HasThePeak() => Assert.Equal(0.1, new CosineSchedule(0.1, 0, 0, 1).At(0));
}
