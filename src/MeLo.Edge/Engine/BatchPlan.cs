namespace MeLo.Edge.Engine;

/// <summary>
/// How a batch runs: which groups of images, each of one task, have a run of their own with merged weights, and which share one run with the adapters
/// beside the weights. A mixed run saves switches and fills the device, and pays for it with more arithmetic; what that comes to is measured, as dLoRA does
/// for language models (Wu et al., OSDI 2024).
/// </summary>
internal static class BatchPlan
{
    /// <summary>Chooses.</summary>
    /// <param name="groups">The images of each task, and whether its merged weights are there.</param>
    /// <param name="costs">What was learnt so far.</param>
    /// <param name="stackIsReady">Whether the device holds the adapters of a mixed run of all groups.</param>
    /// <returns>For each group, whether it is in the mixed run. One group alone never is.</returns>
    public static bool[] Choose(IReadOnlyList<(int Images, bool IsMerged)> groups, BatchCosts costs, bool stackIsReady)
    {
        bool[] best = new bool[groups.Count];
        if (groups.Count < 2) return best;
        // The smaller a group, the more a run of its own wastes: for every number of groups in the mixed run it is the smallest ones.
        int[] bySize = [.. Enumerable.Range(0, groups.Count).OrderBy(i => groups[i].Images).ThenBy(i => groups[i].IsMerged)];
        double cheapest = groups.Sum(Merged);
        for (int mixed = 2; mixed <= groups.Count; mixed++)
        {
            double cost = Mixed(bySize[..mixed].Sum(i => groups[i].Images)) + bySize[mixed..].Sum(i => Merged(groups[i]));
            if (cost >= cheapest) continue;
            cheapest = cost;
            Array.Clear(best);
            foreach (int i in bySize[..mixed]) best[i] = true;
        }
        return best;

        double Merged((int Images, bool IsMerged) group) => (costs.Merged.Of(group.Images) ?? 0) + (group.IsMerged ? 0 : costs.ColdSwitch);

        // Before the first is measured it is taken to cost no more than a merged run of as many: so it is tried, and then known.
        double Mixed(int images) => (costs.Mixed.Of(images) ?? costs.Merged.Of(images) ?? 0) + (stackIsReady ? 0 : costs.Stack);
    }
}
