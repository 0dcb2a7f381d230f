using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Service.Demo;

/// <summary>One of the demonstration's tasks.</summary>
internal sealed record DemoTask(Phantom Phantom, int Seed)
{
    /// <summary>Three of the clinical questions that the MeLo paper asks, of drawn pictures.</summary>
    public static IReadOnlyList<DemoTask> All { get; } =
    [
        new(Phantom.Chest, Seed: 11),
        new(Phantom.Smear, Seed: 22),
        new(Phantom.Mammogram, Seed: 33),
    ];

    /// <summary>The task's name.</summary>
    public string Name => Phantom.Name;

    /// <summary>What the pictures are drawn as, and the head's labels.</summary>
    public IReadOnlyList<string> Labels => Phantom.Labels;
}
