namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// A set of operators written in C#, under a domain name that graphs import at version 1. Sessions hold on to it without owning it,
/// so it lives as long as the process: make one of a kind and keep it in a static field.
/// </summary>
internal sealed unsafe class OrtOperatorDomain
{
    public OrtOperatorDomain(string name, params ReadOnlySpan<OrtOperator> operators)
    {
        Name = name;
        using Utf8 text = new(name);
        nint domain;
        OrtException.ThrowIfFailed(OrtLibrary.Api.CreateCustomOpDomain(text.Pointer, &domain));
        Pointer = domain;
        foreach (OrtOperator op in operators) OrtException.ThrowIfFailed(OrtLibrary.Api.CustomOpDomain_Add(domain, OrtCustomOp.Create(op)));
    }

    public string Name { get; }

    /// <summary>OrtCustomOpDomain*.</summary>
    public nint Pointer { get; }
}
