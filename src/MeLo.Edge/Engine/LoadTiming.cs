namespace MeLo.Edge.Engine;

/// <summary>What loading an engine took, in milliseconds. Parts that need nothing of each other go on at the same time, so they may sum to more than the whole.</summary>
/// <param name="OpenMilliseconds">Reading base.json, and checking the graphs and the layout of the weights.</param>
/// <param name="CheckMilliseconds">Working out the base digest and the hashes of all weights.</param>
/// <param name="PristineMilliseconds">Copying the matrices that adapters change, and making them ready to bind.</param>
/// <param name="SessionMilliseconds">Creating ONNX Runtime's session.</param>
/// <param name="TotalMilliseconds">From the call until the engine was there.</param>
public sealed record LoadTiming(
    double OpenMilliseconds, double CheckMilliseconds, double PristineMilliseconds, double SessionMilliseconds, double TotalMilliseconds);
