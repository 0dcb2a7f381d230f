using System.Text.Json;

namespace MeLo.Edge.Tests.Processes;

public sealed class FreshProcessTests
{
    [Fact]
    public void MixedTasks_GiveTheLogitsOfAFreshProcessThatKnowsOneTask()
    {
        const int Pictures = 4;
        // One process for all tasks, with room for the merged weights of one: it goes from task to task and merges each time.
        using Installation mixed = new();
        foreach (string task in Installation.Tasks)
            for (int i = 0; i < Pictures; i++) mixed.Drop(task, $"{i}.png", Installation.Picture(i));
        Assert.Equal(0, ServiceProcess.Once(mixed.Data.Root, [("MELO__CacheMegabytes", "1"), ("MELO__MaxWaitMs", "100")]).Code);

        Assert.True(ColdSwitches(mixed) >= 2, "the tasks were all cached: nothing was merged between them");

        List<Dictionary<string, string>> tables = [];
        foreach (string task in Installation.Tasks)
        {
            using Installation alone = new();
            foreach (string other in Installation.Tasks.Where(t => t != task)) File.Delete(Path.Combine(alone.Data.Bundles, other + ".melo"));
            for (int i = 0; i < Pictures; i++) alone.Drop(task, $"{i}.png", Installation.Picture(i));
            Assert.Equal(0, ServiceProcess.Once(alone.Data.Root).Code);
            Dictionary<string, string> expected = Logits(alone, task);
            Assert.Equal(Pictures, expected.Count);
            Assert.Equal(expected, Logits(mixed, task));
            tables.Add(expected);
        }
        Assert.Equal(tables.Count, tables.Select(t => string.Join(';', t.Values)).Distinct().Count());
    }

    private static int ColdSwitches(Installation installation) => Installation.Tasks
        .SelectMany(task => installation.Outbox(task).Select(name => File.ReadAllText(Path.Combine(installation.Data.Outbox, task, name))))
        .Count(json => JsonDocument.Parse(json).RootElement.GetProperty("timing").GetProperty("switchKind").GetString() == "cold");

    // The numbers as the result file spells them: the shortest text that gives the same bits.
    private static Dictionary<string, string> Logits(Installation installation, string task)
    {
        Dictionary<string, string> logits = [];
        foreach (string name in installation.Outbox(task))
        {
            using JsonDocument result = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Outbox, task, name)));
            logits.Add(name, string.Join(' ', result.RootElement.GetProperty("scores").EnumerateArray().Select(s => s.GetProperty("logit").GetRawText())));
        }
        return logits;
    }
}
