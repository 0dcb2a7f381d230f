using MeLo.Edge.Bundles;

namespace MeLo.Edge.Service.Demo;

/// <summary>One of the demonstration's tasks.</summary>
internal sealed record DemoTask(string Name, string Title, IReadOnlyList<string> Labels, HeadActivation Activation, bool Colour, int Seed)
{
    /// <summary>Three of the clinical questions that the MeLo paper asks, by name only: the weights are generated.</summary>
    public static IReadOnlyList<DemoTask> All { get; } =
    [
        new("tuberculosis", "Tuberculosis, chest X-ray (demonstration)", ["normal", "tuberculosis"], HeadActivation.Softmax, Colour: false, Seed: 11),
        new("blood-cell", "White blood cells, smear (demonstration)", ["eosinophil", "lymphocyte", "monocyte", "neutrophil"], HeadActivation.Softmax, Colour: true, Seed: 22),
        new("breast-mass", "Breast mass, mammogram (demonstration)", ["none", "benign", "malignant"], HeadActivation.Softmax, Colour: false, Seed: 33),
    ];
}
