namespace MeLo.Edge.Models;

/// <summary>The arithmetic of a base package's graph.</summary>
public enum Precision
{
    /// <summary>IEEE 754 binary32 throughout.</summary>
    Fp32,
    /// <summary>
    /// IEEE 754 binary16: weights, activations and the residual stream. Pixels, softmax, the pooled features and the head are binary32. For GPUs; a
    /// processor computes the same graph, and gains nothing by it.
    /// </summary>
    Fp16,
    /// <summary>
    /// Linears as products of 8-bit integers: weights symmetric a column, activations with a range taken from each tensor as it comes.
    /// LayerNorm, attention, residuals and the head stay binary32.
    /// </summary>
#pragma warning disable CA1720 // The field's word for it.
    Int8,
#pragma warning restore CA1720
}

/// <summary>The names of <see cref="Precision"/> values in files and options.</summary>
public static class Precisions
{
    /// <summary>The name that files and options use: <c>fp32</c>.</summary>
    public static string Name(this Precision precision) => precision switch
    {
        Precision.Fp32 => "fp32",
        Precision.Fp16 => "fp16",
        Precision.Int8 => "int8",
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "Not a precision."),
    };

    /// <summary>The precision of that name.</summary>
    /// <exception cref="ModelException">This version has no graph of that precision.</exception>
    public static Precision Parse(string name) =>
        Enum.GetValues<Precision>().Cast<Precision?>().FirstOrDefault(p => p!.Value.Name() == name)
        ?? throw ModelException.Option("precision",
            $"found '{name}', expected {string.Join(" or ", Enum.GetValues<Precision>().Select(Name))}: this version builds no other graph");
}
