namespace MeLo.Edge.Training.Steps;

/// <summary>What a graph reads of samples: their pictures, or what a frozen base has made of them.</summary>
internal interface ISampleInputs
{
    /// <summary>The floats of one sample.</summary>
    int Length { get; }

    /// <summary>Fills in samples as one input of the graph.</summary>
    /// <param name="samples">The samples' places in the dataset.</param>
    /// <param name="epoch">The pass over the training samples, from 1, of which variations are made; null for the samples as they are.</param>
    /// <param name="buffer">At least <see cref="Length"/> floats a sample; it becomes the input's.</param>
    GraphInput Fill(IReadOnlyList<int> samples, int? epoch, float[] buffer);
}
