namespace MeLo.Edge.Training;

/// <summary>What of a model learns.</summary>
public enum TrainingMode
{
    /// <summary>Low-rank matrices beside chosen linears, and the head: MeLo (arXiv 2311.08236).</summary>
    Lora,
    /// <summary>Every weight of the base, and the head.</summary>
    Full,
    /// <summary>The head alone: a linear probe.</summary>
    Head,
}
