using MeLo.Edge.Tensors;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>An operator written in C#: what a graph's node of it may look like, and how its kernel is made.</summary>
/// <param name="Name">The operator's type, as nodes name it.</param>
/// <param name="Inputs">The element types of the inputs by position.</param>
/// <param name="RequiredInputs">How many of the inputs a node must give; the others, at the end, are optional.</param>
/// <param name="Outputs">The element types of the outputs by position.</param>
/// <param name="CreateKernel">
/// Makes the kernel of one node of one session from the node's attributes. What it throws, the session's creation throws as
/// <see cref="OrtException"/> with the same message.
/// </param>
internal sealed record OrtOperator(
    string Name,
    IReadOnlyList<ElementType> Inputs,
    int RequiredInputs,
    IReadOnlyList<ElementType> Outputs,
    Func<OrtKernelInfo, OrtKernel> CreateKernel);
