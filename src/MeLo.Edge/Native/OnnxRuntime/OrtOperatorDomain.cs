namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// A set of operators written in C#, under a domain name that graphs import at version 1. Sessions hold on to it without owning it,
/// so it lives as long as the process: make few and keep them in a static field. A session has one of a name.
/// </summary>
internal sealed unsafe class OrtOperatorDomain
{
    private static readonly Lock s_registering = new();

    public OrtOperatorDomain(string name, params ReadOnlySpan<OrtOperator> operators)
    {
        Name = name;
        Operators = operators.ToArray();
        using Utf8 text = new(name);
        nint domain;
        OrtException.ThrowIfFailed(OrtLibrary.Api.CreateCustomOpDomain(text.Pointer, &domain));
        Pointer = domain;
        foreach (OrtOperator op in operators) OrtException.ThrowIfFailed(OrtLibrary.Api.CustomOpDomain_Add(domain, OrtCustomOp.Create(op)));
        Register();
    }

    public string Name { get; }

    public IReadOnlyList<OrtOperator> Operators { get; }

    /// <summary>OrtCustomOpDomain*.</summary>
    public nint Pointer { get; }

    // The first session with a domain enters its name into a table of the process, looking and adding without a lock: of two first
    // sessions of a name at the same time one would fail. So the first is made here, of a graph that hands a scalar through.
    private void Register()
    {
        ReadOnlySpan<byte> model =
        [
            0x08, 8, // ir_version
            0x3A, 29, 0x12, 1, (byte)'g', // graph { name
            0x5A, 11, 0x0A, 1, (byte)'x', 0x12, 6, 0x0A, 4, 0x08, 1, 0x12, 0, // input { name, type { tensor { F32, scalar } } }
            0x62, 11, 0x0A, 1, (byte)'x', 0x12, 6, 0x0A, 4, 0x08, 1, 0x12, 0, // output, the same }
            0x42, 2, 0x10, 17, // opset_import { version }
        ];
        lock (s_registering)
        {
            using OrtSessionOptions options = new OrtSessionOptions().WithThreads(1).WithOperators(this);
            OrtSession.Create(model, options).Dispose();
        }
    }
}
