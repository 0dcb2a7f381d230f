using System.Numerics;
using System.Numerics.Tensors;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>
/// Several tasks' adapters and heads side by side, as the graph of mixed batches takes them: for every adaptable linear a stack of the tasks' A and one of
/// their B, the latter times the adapters' scales, then a stack of the heads. What an adapter has less of than another is filled up with zeros, which change
/// nothing: ranks, classes, and the linears that it leaves alone. This says where everything lies; <see cref="Pack"/> writes it.
/// </summary>
/// <remarks>Immutable.</remarks>
internal sealed class AdapterStack
{
    // WebGPU's matrix products read four elements at once where both widths are multiples of four (matmul.cc, is_vec4), and one where they are not.
    private const int RankMultiple = 4;

    // Every stack starts on a cache line, as merged matrices do.
    private const int Alignment = 64;

    private readonly LoraAdapter[] _adapters;
    private readonly ElementType _type;
    private readonly Dictionary<LinearId, (StackedTensor A, StackedTensor B)> _linears = [];

    /// <summary>Lays the stacks out.</summary>
    /// <param name="adapters">One for each task, in the order of the stacks; at least 1. Each fits the base.</param>
    /// <param name="linears">The adaptable linears of the base, with their widths.</param>
    /// <param name="type">The element type of the graph's linears, F32 or F16; heads are F32.</param>
    /// <exception cref="AdapterException">An adapter changes a linear that is not there, or has another width.</exception>
    public AdapterStack(IReadOnlyList<LoraAdapter> adapters, IEnumerable<(LinearId Id, int InFeatures, int OutFeatures)> linears, ElementType type = ElementType.F32)
    {
        if (adapters.Count == 0) throw new ArgumentException("Found no adapter, expected at least 1.", nameof(adapters));
        if (type is not (ElementType.F32 or ElementType.F16)) throw new ArgumentOutOfRangeException(nameof(type), type, "Expected F32 or F16.");
        _adapters = [.. adapters];
        _type = type;
        Rank = (adapters.Max(a => a.Rank) + RankMultiple - 1) / RankMultiple * RankMultiple;
        Classes = adapters.Max(a => a.Head.Classes);
        int dim = adapters[0].Head.Dim;
        foreach ((LinearId id, int inFeatures, int outFeatures) in linears)
            _linears.Add(id, (Place(type, Count, inFeatures, Rank), Place(type, Count, Rank, outFeatures)));
        HeadWeight = Place(ElementType.F32, Count, dim, Classes);
        HeadBias = Place(ElementType.F32, Count, Classes);
        foreach (LoraAdapter adapter in adapters) Check(adapter, dim);
    }

    /// <summary>The number of tasks.</summary>
    public int Count => _adapters.Length;

    /// <summary>The rank of the stacks: the largest of any adapter, rounded up to a multiple of 4.</summary>
    public int Rank { get; }

    /// <summary>The largest number of classes.</summary>
    public int Classes { get; }

    /// <summary>The memory of all stacks, in bytes.</summary>
    public long ByteLength { get; private set; }

    /// <summary>The heads' weights, [count, dim, classes] F32.</summary>
    public StackedTensor HeadWeight { get; }

    /// <summary>The heads' biases, [count, classes] F32.</summary>
    public StackedTensor HeadBias { get; }

    /// <summary>The tasks' A for a linear, [count, in, rank]: each as x·A wants it.</summary>
    public StackedTensor A(LinearId linear) => _linears[linear].A;

    /// <summary>The tasks' B for a linear, times the scales, [count, rank, out].</summary>
    public StackedTensor B(LinearId linear) => _linears[linear].B;

    /// <summary>An image's own logits among those of a mixed batch.</summary>
    /// <param name="logits">[batch, <see cref="Classes"/>].</param>
    /// <param name="image">The image, from 0.</param>
    /// <param name="task">Its task's place in the stacks.</param>
    /// <returns>[classes of the task].</returns>
    public ReadOnlySpan<float> Logits(ReadOnlySpan<float> logits, int image, int task) => logits.Slice(image * Classes, _adapters[task].Head.Classes);

    /// <summary>Writes all stacks.</summary>
    /// <param name="destination"><see cref="ByteLength"/> bytes, on a cache line.</param>
    /// <exception cref="AdapterException">B times its adapter's scale, or A, overflows the element type.</exception>
    public unsafe void Pack(byte* destination)
    {
        if (_type == ElementType.F16) PackLinears<Half>(destination);
        else PackLinears<float>(destination);
        Span<float> weights = HeadWeight.In<float>(destination), biases = HeadBias.In<float>(destination);
        weights.Clear();
        biases.Clear();
        for (int task = 0; task < Count; task++)
        {
            TaskHead head = _adapters[task].Head;
            Transpose(head.Weight, head.Dim, 1, OfTask(weights, task), Classes);              // [classes, dim] to [dim, classes of the stack]
            head.Bias.CopyTo(OfTask(biases, task));
        }
    }

    private unsafe void PackLinears<T>(byte* destination)
        where T : unmanaged, INumberBase<T>
    {
        foreach ((StackedTensor a, StackedTensor b) in _linears.Values)
        {
            // What no adapter writes below is zero.
            a.In<T>(destination).Clear();
            b.In<T>(destination).Clear();
        }
        for (int task = 0; task < Count; task++)
            foreach (LoraPair pair in _adapters[task].Pairs)
            {
                (StackedTensor a, StackedTensor b) = _linears[pair.Target];
                Span<T> down = OfTask(a.In<T>(destination), task), up = OfTask(b.In<T>(destination), task);
                Transpose(pair.A, pair.InFeatures, 1, down, Rank);                       // [rank, in] to [in, rank of the stack]
                Transpose(pair.B, pair.Rank, _adapters[task].Scale, up, pair.OutFeatures); // [out, rank] to [rank of the stack, out]
                if (!TensorPrimitives.IsFiniteAll<T>(down) || !TensorPrimitives.IsFiniteAll<T>(up))
                    throw AdapterException.Linear(pair.Target, $"found A, or B times the scale {_adapters[task].Scale}, with values beyond {_type.HeaderName()}, expected none");
            }
    }

    // [rows, columns] to [columns, rows], the new rows as far apart as stride says.
    private static void Transpose<T>(ReadOnlySpan<float> source, int columns, float factor, Span<T> destination, int stride)
        where T : unmanaged, INumberBase<T>
    {
        int rows = source.Length / columns;
        for (int c = 0; c < columns; c++)
        {
            Span<T> row = destination.Slice(c * stride, rows);
            for (int r = 0; r < row.Length; r++) row[r] = T.CreateTruncating(factor * source[(r * columns) + c]);
        }
    }

    private Span<T> OfTask<T>(Span<T> stack, int task)
    {
        int length = stack.Length / Count;
        return stack.Slice(task * length, length);
    }

    private StackedTensor Place(ElementType type, params long[] shape)
    {
        StackedTensor tensor = new(ByteLength, type, shape);
        ByteLength += (tensor.ByteLength + Alignment - 1) / Alignment * Alignment;
        return tensor;
    }

    private void Check(LoraAdapter adapter, int dim)
    {
        if (adapter.Head.Dim != dim) throw AdapterException.Head($"found {adapter.Head.Dim} features, expected {dim} as of the other tasks");
        foreach (LoraPair pair in adapter.Pairs)
        {
            if (!_linears.TryGetValue(pair.Target, out (StackedTensor A, StackedTensor B) stacks))
                throw AdapterException.Linear(pair.Target, "found a pair, expected none: the base does not expose it to adapters");
            if ((pair.InFeatures, pair.OutFeatures) != (stacks.A.Shape[1], stacks.B.Shape[2]))
                throw AdapterException.Linear(pair.Target, $"found {pair.InFeatures} -> {pair.OutFeatures} features, expected {stacks.A.Shape[1]} -> {stacks.B.Shape[2]}");
        }
    }
}

/// <summary>One stack's place in the memory of an <see cref="AdapterStack"/>.</summary>
/// <param name="Offset">Its first byte.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its dimensions; the tasks' comes first.</param>
internal sealed record StackedTensor(long Offset, ElementType Type, long[] Shape)
{
    /// <summary>Its length in bytes.</summary>
    public long ByteLength { get; } = Shape.Aggregate((long)Type.Size(), (length, size) => checked(length * size));

    /// <summary>Its elements in the memory that all stacks lie in.</summary>
    public unsafe Span<T> In<T>(byte* memory)
        where T : unmanaged => new(memory + Offset, checked((int)(ByteLength / sizeof(T))));
}
