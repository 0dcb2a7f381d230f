namespace MeLo.Edge.Training.Steps;

/// <summary>What a graph reads of samples: their pictures, or what a frozen base has made of them.</summary>
internal interface ISampleInputs
{
    /// <summary>The floats of one sample.</summary>
    int Length { get; }

    /// <summary>Fills in the samples of runs that go side by side, each as one input of the graph.</summary>
    /// <param name="runs">Each run's samples, by their places in the dataset.</param>
    /// <param name="epoch">The pass over the training samples, from 1, of which variations are made; null for the samples as they are.</param>
    /// <param name="buffers">For each run at least <see cref="Length"/> floats a sample; they become the inputs'.</param>
    GraphInput[] Fill(IReadOnlyList<int[]> runs, int? epoch, IReadOnlyList<float[]> buffers);
}
