using MeLo.Edge.Service.Hosting;

namespace MeLo.Edge.Tests.Hosting;

public class StallWatchTests
{
    [Fact]
    public void StepThatOutlastsTheLimit_IsSeen_UntilItEnds()
    {
        FakeTime time = new();
        StallWatch watch = new(TimeSpan.FromSeconds(120), time);
        IDisposable slow = watch.Begin();
        time.Advance(100);
        using (watch.Begin()) Assert.False(watch.IsStalled);
        time.Advance(21);
        using (watch.Begin()) Assert.True(watch.IsStalled);
        slow.Dispose();
        Assert.False(watch.IsStalled);
    }

    [Fact]
    public void StepOfManyPictures_HasMoreTime()
    {
        FakeTime time = new();
        StallWatch watch = new(TimeSpan.FromSeconds(120), time);
        using IDisposable volume = watch.Begin(pictures: 11);
        time.Advance(219);
        Assert.False(watch.IsStalled);
        time.Advance(2);
        Assert.True(watch.IsStalled);
    }
}
