using MeLo.Edge.Providers;

namespace MeLo.Edge.Training.Steps;

/// <summary>How samples are dealt out to the runs of a graph. What a run holds does not depend on the threads.</summary>
/// <param name="Length">The most samples of a run.</param>
/// <param name="Lanes">The most runs that go side by side, each on a thread of its own.</param>
internal readonly record struct RunPlan(int Length, int Lanes)
{
    // Enough rows for a matrix product to run near its best on one core, and few enough that a batch has runs for several.
    private const int PicturesARun = 8;

    /// <summary>The plan for graphs that read pictures.</summary>
    /// <param name="atOnce">Samples that may be in memory at once, from 1.</param>
    /// <param name="slices">Pictures of a sample.</param>
    /// <param name="provider">Where the graph runs.</param>
    /// <param name="threads">Threads of the host that compute, from 1.</param>
    public static RunPlan ForPictures(int atOnce, int slices, Provider provider, int threads)
    {
        if (provider.IsDevice) return new RunPlan(atOnce, 1); // it shares every run out by itself
        int runs = (int)Math.Clamp((((long)atOnce * slices) + PicturesARun - 1) / PicturesARun, 1, atOnce);
        int length = (atOnce + runs - 1) / runs;
        return new RunPlan(length, Math.Clamp(atOnce / length, 1, threads));
    }

    /// <summary>The samples of each run, by what goes side by side.</summary>
    public IEnumerable<int[][]> Of(IEnumerable<int> samples) => samples.Chunk(Length).Chunk(Lanes);
}
