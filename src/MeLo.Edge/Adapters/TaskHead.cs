using System.Numerics.Tensors;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>A task's classification head: logits = features · Weightᵀ + Bias. Immutable by contract, as <see cref="LoraPair"/> is.</summary>
public sealed class TaskHead
{
    private readonly Lazy<float[]> _transposed;

    /// <summary>Creates the head and checks it.</summary>
    /// <param name="classes">The number of classes, at least 1.</param>
    /// <param name="dim">The width of the ViT's features, at least 1.</param>
    /// <param name="weight">[classes, dim], row-major, finite.</param>
    /// <param name="bias">[classes], finite.</param>
    /// <exception cref="AdapterException">A length does not fit, or a value is not finite.</exception>
    public TaskHead(int classes, int dim, float[] weight, float[] bias)
    {
        if (classes < 1 || dim < 1) throw AdapterException.Head($"found {classes} classes over {dim} features, expected at least 1 of each");
        if (weight.Length != (long)classes * dim) throw AdapterException.Head($"found {weight.Length} weights, expected [{classes},{dim}]");
        if (bias.Length != classes) throw AdapterException.Head($"found {bias.Length} biases, expected [{classes}]");
        if (!TensorPrimitives.IsFiniteAll<float>(weight)) throw AdapterException.Head("the weight holds a value that is not finite");
        if (!TensorPrimitives.IsFiniteAll<float>(bias)) throw AdapterException.Head("the bias holds a value that is not finite");
        Classes = classes;
        Dim = dim;
        Weight = weight;
        Bias = bias;
        _transposed = new Lazy<float[]>(() => Transposition.Of(weight, classes));
    }

    /// <summary>The number of classes.</summary>
    public int Classes { get; }

    /// <summary>The width of the features.</summary>
    public int Dim { get; }

    /// <summary>[classes, dim], row-major.</summary>
    public float[] Weight { get; }

    /// <summary>[classes].</summary>
    public float[] Bias { get; }

    /// <summary>[dim, classes], as the graph multiplies: made when first needed, which is not in every switch.</summary>
    internal float[] Transposed => _transposed.Value;
}
