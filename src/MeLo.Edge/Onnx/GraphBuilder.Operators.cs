using MeLo.Edge.Tensors;

namespace MeLo.Edge.Onnx;

/// <summary>The operators in use, each with the rule for its output's shape. Source: onnx/docs/Operators.md, operator set 20.</summary>
internal sealed partial class GraphBuilder
{
    // ---- arithmetic, with NumPy's broadcasting ----

    public GraphValue Add(GraphValue a, GraphValue b, string? name = null) => Elementwise("Add", a, b, name);

    public GraphValue Sub(GraphValue a, GraphValue b, string? name = null) => Elementwise("Sub", a, b, name);

    public GraphValue Mul(GraphValue a, GraphValue b, string? name = null) => Elementwise("Mul", a, b, name);

    public GraphValue Div(GraphValue a, GraphValue b, string? name = null) => Elementwise("Div", a, b, name);

    public GraphValue Neg(GraphValue x, string? name = null) => Unary("Neg", x, name);

    public GraphValue Exp(GraphValue x, string? name = null) => Unary("Exp", x, name);

    /// <summary>The error function.</summary>
    public GraphValue Erf(GraphValue x, string? name = null) => Unary("Erf", x, name);

    // ---- products ----

    /// <summary>[..., m, k] x [..., k, n] -> [..., m, n]; the leading dimensions broadcast.</summary>
    public GraphValue MatMul(GraphValue a, GraphValue b, string? name = null)
    {
        Require(a.Type == b.Type && a.Rank >= 2 && b.Rank >= 2 && a[-1] == b[-2], "MatMul", a, b);
        IReadOnlyList<Dimension> leading = Broadcast("MatMul", [.. a.Shape.SkipLast(2)], [.. b.Shape.SkipLast(2)]);
        return Node("MatMul", [a, b], a.Type, [.. leading, a[-2], b[-1]], name: name);
    }

    /// <summary>alpha · a x b + beta · c, with a and b of rank 2 and transposed on request, and c broadcast to the result.</summary>
    public GraphValue Gemm(
        GraphValue a,
        GraphValue b,
        GraphValue? c = null,
        float alpha = 1,
        float beta = 1,
        bool transposeA = false,
        bool transposeB = false,
        string? name = null)
    {
        Require(a.Type == b.Type && a.Rank == 2 && b.Rank == 2 && a[transposeA ? 0 : 1] == b[transposeB ? 1 : 0], "Gemm", a, b);
        Dimension[] shape = [a[transposeA ? 1 : 0], b[transposeB ? 0 : 1]];
        if (c is not null && (c.Type != a.Type || !Broadcast("Gemm", shape, c.Shape).SequenceEqual(shape))) throw Mismatch("Gemm", a, b, c);
        return Node("Gemm", c is null ? [a, b] : [a, b, c], a.Type, shape,
            [("alpha", alpha), ("beta", beta), ("transA", transposeA ? 1L : 0L), ("transB", transposeB ? 1L : 0L)], name);
    }

    /// <summary>
    /// x · weight + bias over the last axis: [b, t, k] x [k, n] + [n] -> [b, t, n]. All rows go into one product that takes the bias along, where after a
    /// MatMul it would cost another pass over the result; the two changes of shape cost nothing.
    /// </summary>
    public GraphValue Linear(GraphValue x, GraphValue weight, GraphValue bias, string name)
    {
        Require(x.Rank == 3 && weight.Rank == 2 && x[2] == weight[0] && bias.Shape.SequenceEqual([weight[1]]), "Linear", x, weight, bias);
        GraphValue product = Gemm(Rows(x, $"{name}.rows"), weight, bias, name: $"{name}.product");
        return View(product, [x[0], x[1], weight[1]], name);
    }

    /// <summary>A convolution whose kernels do not overlap and leave nothing over: [n, c, h, w] and weight [m, c, k, k] -> [n, m, h/k, w/k].</summary>
    public GraphValue PatchConv(GraphValue x, GraphValue weight, GraphValue? bias, string? name = null)
    {
        Require(x.Type == weight.Type && x.Rank == 4 && weight.Rank == 4 && x[1] == weight[1] && weight[2] == weight[3], "Conv", x, weight);
        long size = weight[2].Size;
        Require(x[2].Size % size == 0 && x[3].Size % size == 0, "Conv", x, weight);
        return Node("Conv", bias is null ? [x, weight] : [x, weight, bias], x.Type, [x[0], weight[0], x[2].Size / size, x[3].Size / size],
            [("kernel_shape", new[] { size, size }), ("strides", new[] { size, size })], name);
    }

    // ---- normalisation and activation ----

    /// <summary>Layer normalisation over the last axis. Mean and variance are binary32 whatever the type is: the operator's <c>stash_type</c> is left at 1.</summary>
    public GraphValue LayerNormalization(GraphValue x, GraphValue weight, GraphValue bias, float epsilon, string? name = null)
    {
        Require(weight.Type == x.Type && bias.Type == x.Type && weight.Rank == 1 && weight[0] == x[-1] && bias.Shape.SequenceEqual(weight.Shape), "LayerNormalization", x, weight, bias);
        return Node("LayerNormalization", [x, weight, bias], x.Type, x.Shape, [("axis", -1L), ("epsilon", epsilon)], name);
    }

    public GraphValue Softmax(GraphValue x, int axis = -1, string? name = null) =>
        Node("Softmax", [x], x.Type, x.Shape, [("axis", (long)axis)], name);

    /// <summary>x · Φ(x), by the error function itself and not its tanh approximation.</summary>
    public GraphValue Gelu(GraphValue x, string? name = null) =>
        Node("Gelu", [x], x.Type, x.Shape, [("approximate", "none")], name);

    /// <summary>log(softmax(x)), without the underflow that the two one after the other have.</summary>
    public GraphValue LogSoftmax(GraphValue x, int axis = -1, string? name = null) =>
        Node("LogSoftmax", [x], x.Type, x.Shape, [("axis", (long)axis)], name);

    /// <summary>log(1 + exp(x)).</summary>
    public GraphValue Softplus(GraphValue x, string? name = null) => Unary("Softplus", x, name);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public GraphValue Sigmoid(GraphValue x, string? name = null) => Unary("Sigmoid", x, name);

    /// <summary>max(0, min(1, alpha · x + beta)).</summary>
    public GraphValue HardSigmoid(GraphValue x, float alpha, float beta, string? name = null) =>
        Node("HardSigmoid", [x], x.Type, x.Shape, [("alpha", alpha), ("beta", beta)], name);

    /// <summary>The same values as another type, rounded to nearest where it is narrower.</summary>
    public GraphValue Cast(GraphValue x, ElementType type, string? name = null) => Node("Cast", [x], type, x.Shape, [("to", (long)type.OnnxDataType())], name);

    // ---- shape ----

    /// <summary>
    /// The same elements in another shape. A symbolic dimension may be kept at its place; one more, or one that moved, is worked out
    /// by the runtime from the others.
    /// </summary>
    public GraphValue Reshape(GraphValue x, IReadOnlyList<Dimension> shape, string? name = null)
    {
        const long CopyFromInput = 0, WorkOut = -1;
        long[] sizes = [.. shape.Select((d, i) => !d.IsSymbolic ? d.Size : i < x.Rank && x[i] == d ? CopyFromInput : WorkOut)];
        bool same = x.Shape.Where(d => !d.IsSymbolic).Aggregate(1L, (p, d) => p * d.Size) == shape.Where(d => !d.IsSymbolic).Aggregate(1L, (p, d) => p * d.Size)
            && x.Shape.Where(d => d.IsSymbolic).Order(s_byName).SequenceEqual(shape.Where(d => d.IsSymbolic).Order(s_byName));
        if (!same || sizes.Count(s => s == WorkOut) > 1 || sizes.Where((s, i) => s == 0 && !shape[i].IsSymbolic).Any())
            throw new ArgumentException($"Reshape cannot make {Dimension.Text(shape)} of {x}.", nameof(shape));
        // The target shape is an input of the operator; the name of the node names it too.
        string full = name ?? FreshName("Reshape")[_scope.Length..];
        return Node("Reshape", [x, Constant($"{full}.shape", sizes)], x.Type, [.. shape], name: full);
    }

    /// <summary>
    /// The same elements in a shape of which one dimension at most is symbolic: the runtime works that one out. Unlike <see cref="Reshape"/> this cannot see
    /// whether it comes out as named.
    /// </summary>
    public GraphValue View(GraphValue x, IReadOnlyList<Dimension> shape, string? name = null)
    {
        if (shape.Count(d => d.IsSymbolic) > 1) throw new ArgumentException($"View of {x} as {Dimension.Text(shape)} leaves more than one dimension open.", nameof(shape));
        string full = name ?? FreshName("Reshape")[_scope.Length..];
        return Node("Reshape", [x, Constant($"{full}.shape", [.. shape.Select(d => d.IsSymbolic ? -1 : d.Size)])], x.Type, [.. shape], name: full);
    }

    /// <summary>The last axis' vectors one under the other: [b, t, k] -> [b*t, k].</summary>
    public GraphValue Rows(GraphValue x, string? name = null)
    {
        Dimension[] outer = [.. x.Shape.SkipLast(1)];
        Dimension count = outer.Any(d => d.IsSymbolic) ? string.Join('*', outer) : outer.Aggregate(1L, (product, d) => product * d.Size);
        return View(x, [count, x[-1]], name);
    }

    public GraphValue Transpose(GraphValue x, ReadOnlySpan<int> permutation, string? name = null)
    {
        long[] axes = new long[permutation.Length];
        for (int i = 0; i < axes.Length; i++) axes[i] = permutation[i];
        if (!axes.Order().SequenceEqual(Enumerable.Range(0, x.Rank).Select(i => (long)i)))
            throw new ArgumentException($"Transpose of {x} by [{string.Join(',', axes)}] is no permutation of its axes.", nameof(permutation));
        return Node("Transpose", [x], x.Type, [.. axes.Select(axis => x[(int)axis])], [("perm", axes)], name);
    }

    /// <summary>The elements from <paramref name="start"/> to before <paramref name="end"/> of one axis of known size.</summary>
    public GraphValue Slice(GraphValue x, int axis, long start, long end, string? name = null)
    {
        if (start < 0 || end <= start || end > x[axis].Size)
            throw new ArgumentException($"Slice of {x} has no elements {start} to {end} on axis {axis}.", nameof(start));
        string full = name ?? FreshName("Slice")[_scope.Length..];
        return Node("Slice", [x, Constant($"{full}.start", [start]), Constant($"{full}.end", [end]), Constant($"{full}.axis", [(long)axis])],
            x.Type, With(x.Shape, axis, end - start), name: full);
    }

    /// <summary>What the indices choose along one axis, which their dimensions replace: [n, ...] by [b] -> [b, ...].</summary>
    public GraphValue Gather(GraphValue x, GraphValue indices, int axis = 0, string? name = null)
    {
        int place = axis < 0 ? x.Rank + axis : axis;
        Require(place >= 0 && place < x.Rank && indices.Type is ElementType.I32 or ElementType.I64, "Gather", x, indices);
        return Node("Gather", [x, indices], x.Type, [.. x.Shape.Take(place), .. indices.Shape, .. x.Shape.Skip(place + 1)], [("axis", (long)place)], name);
    }

    /// <summary>Zeros before and after the elements of one axis of known size.</summary>
    public GraphValue Pad(GraphValue x, int axis, long before, long after, string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(before);
        ArgumentOutOfRangeException.ThrowIfNegative(after);
        int place = axis < 0 ? x.Rank + axis : axis;
        long[] pads = new long[2 * x.Rank]; // every axis' start, then every axis' end
        pads[place] = before;
        pads[x.Rank + place] = after;
        string full = name ?? FreshName("Pad")[_scope.Length..];
        return Node("Pad", [x, Constant($"{full}.pads", pads)], x.Type, With(x.Shape, place, before + x[place].Size + after), name: full);
    }

    /// <summary>The mean over one axis, which disappears, or becomes 1.</summary>
    public GraphValue ReduceMean(GraphValue x, int axis, bool keepDimension = false, string? name = null) => Reduce("ReduceMean", x, [axis], keepDimension, name);

    /// <summary>The sum over some axes, which disappear, or become 1.</summary>
    public GraphValue ReduceSum(GraphValue x, ReadOnlySpan<int> axes, bool keepDimensions = false, string? name = null) => Reduce("ReduceSum", x, axes, keepDimensions, name);

    /// <summary>The value repeated along its axes of size 1 until it has another's shape.</summary>
    public GraphValue Expand(GraphValue x, GraphValue like, string? name = null)
    {
        Require(Broadcast("Expand", x.Shape, like.Shape).SequenceEqual(like.Shape), "Expand", x, like);
        string full = name ?? FreshName("Expand")[_scope.Length..];
        GraphValue shape = like.Shape.Any(d => d.IsSymbolic)
            ? Node("Shape", [like], ElementType.I64, [like.Rank], name: $"{full}.shape")
            : Constant($"{full}.shape", [.. like.Shape.Select(d => d.Size)]);
        return Node("Expand", [x, shape], x.Type, like.Shape, name: full);
    }

    /// <summary>The same values under another name.</summary>
    public GraphValue Identity(GraphValue x, string? name = null) => Unary("Identity", x, name);

    private GraphValue Unary(string operatorType, GraphValue x, string? name) => Node(operatorType, [x], x.Type, x.Shape, name: name);

    private static readonly Comparer<Dimension> s_byName = Comparer<Dimension>.Create((a, b) => string.CompareOrdinal(a.Name, b.Name));

    private GraphValue Elementwise(string operatorType, GraphValue a, GraphValue b, string? name)
    {
        Require(a.Type == b.Type, operatorType, a, b);
        return Node(operatorType, [a, b], a.Type, Broadcast(operatorType, a.Shape, b.Shape), name: name);
    }

    private GraphValue Reduce(string operatorType, GraphValue x, ReadOnlySpan<int> axes, bool keepDimensions, string? name)
    {
        long[] places = new long[axes.Length];
        for (int i = 0; i < places.Length; i++) places[i] = axes[i] < 0 ? x.Rank + axes[i] : axes[i];
        if (places.Length == 0 || places.Distinct().Count() != places.Length || places.Any(a => a < 0 || a >= x.Rank))
            throw new ArgumentException($"{operatorType} of {x} has no axes [{string.Join(',', places)}].", nameof(axes));
        string full = name ?? FreshName(operatorType)[_scope.Length..];
        IEnumerable<Dimension> shape = keepDimensions
            ? x.Shape.Select((d, i) => places.Contains(i) ? 1 : d)
            : x.Shape.Where((_, i) => !places.Contains(i));
        return Node(operatorType, [x, Constant($"{full}.axes", places)], x.Type, [.. shape], [("keepdims", keepDimensions ? 1L : 0L)], full);
    }

    // A symbolic dimension goes with itself and with 1: whether it equals a number is not known here.
    private static Dimension[] Broadcast(string operatorType, IReadOnlyList<Dimension> a, IReadOnlyList<Dimension> b)
    {
        Dimension[] shape = new Dimension[Math.Max(a.Count, b.Count)];
        for (int i = 1; i <= shape.Length; i++)
        {
            Dimension left = i <= a.Count ? a[^i] : 1, right = i <= b.Count ? b[^i] : 1;
            if (left != right && left != (Dimension)1 && right != (Dimension)1)
                throw new ArgumentException($"{operatorType} cannot broadcast {Dimension.Text(a)} with {Dimension.Text(b)}.");
            shape[^i] = left == (Dimension)1 ? right : left;
        }
        return shape;
    }

    private static Dimension[] With(IReadOnlyList<Dimension> shape, int axis, Dimension size)
    {
        Dimension[] changed = [.. shape];
        changed[axis < 0 ? shape.Count + axis : axis] = size;
        return changed;
    }

    private static void Require(bool condition, string operatorType, params GraphValue[] inputs)
    {
        if (!condition) throw Mismatch(operatorType, inputs);
    }

    private static ArgumentException Mismatch(string operatorType, params GraphValue[] inputs) =>
        new($"{operatorType} does not take {string.Join(", ", inputs.Select(i => $"{i.Type} {i}"))}.");
}
