namespace MeLo.Edge.Training.Tests.Gradients;

/// <summary>Row-major numbers of double precision, with NumPy's rules, as loops.</summary>
internal sealed record DoubleTensor(int[] Shape, double[] Values)
{
    public int Rank => Shape.Length;

    public static int Count(IEnumerable<int> shape) => shape.Aggregate(1, (product, size) => product * size);

    public static DoubleTensor Random(Random random, params int[] shape) => new(shape, [.. Enumerable.Range(0, Count(shape)).Select(_ => (random.NextDouble() * 2) - 1)]);

    public int Axis(long axis) => (int)(axis < 0 ? Rank + axis : axis);

    public DoubleTensor Map(Func<double, double> function) => new(Shape, [.. Values.Select(function)]);

    /// <summary>The elements at the places of another shape that a function of the new place's indices says.</summary>
    public DoubleTensor Picked(int[] shape, Func<int[], int[]?> from)
    {
        double[] values = new double[Count(shape)];
        for (int i = 0; i < values.Length; i++)
            if (from(Indices(shape, i)) is { } place) values[i] = Values[Offset(Shape, place)];
        return new DoubleTensor(shape, values);
    }

    /// <summary>Repeated to a larger shape, the last axes aligned.</summary>
    public DoubleTensor Broadcast(int[] shape) =>
        Picked(shape, place => [.. Shape.Select((size, axis) => size == 1 ? 0 : place[shape.Length - Rank + axis])]);

    public static DoubleTensor Elementwise(DoubleTensor a, DoubleTensor b, Func<double, double, double> function)
    {
        int[] shape = Common(a.Shape, b.Shape);
        return new(shape, [.. a.Broadcast(shape).Values.Zip(b.Broadcast(shape).Values, function)]);
    }

    public DoubleTensor Transposed(params int[] permutation) => Picked([.. permutation.Select(axis => Shape[axis])], place =>
    {
        int[] from = new int[Rank];
        for (int i = 0; i < Rank; i++) from[permutation[i]] = place[i];
        return from;
    });

    public DoubleTensor MatMul(DoubleTensor other)
    {
        int m = Shape[^2], k = Shape[^1], n = other.Shape[^1];
        int[] leading = Common(Shape[..^2], other.Shape[..^2]);
        double[] a = Broadcast([.. leading, m, k]).Values, b = other.Broadcast([.. leading, k, n]).Values, c = new double[Count(leading) * m * n];
        for (int batch = 0; batch < Count(leading); batch++)
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++)
                    for (int l = 0; l < k; l++) c[(((batch * m) + i) * n) + j] += a[(((batch * m) + i) * k) + l] * b[(((batch * k) + l) * n) + j];
        return new DoubleTensor([.. leading, m, n], c);
    }

    public DoubleTensor Sum(int[] axes, bool keep)
    {
        int[] kept = [.. Shape.Select((size, axis) => axes.Contains(axis) ? 1 : size)];
        double[] sums = new double[Count(kept)];
        for (int i = 0; i < Values.Length; i++) sums[Offset(kept, [.. Indices(Shape, i).Select((index, axis) => axes.Contains(axis) ? 0 : index)])] += Values[i];
        return new DoubleTensor(keep ? kept : [.. Shape.Where((_, axis) => !axes.Contains(axis))], sums);
    }

    public static int[] Common(int[] a, int[] b) => [.. Enumerable.Range(1, Math.Max(a.Length, b.Length)).Reverse()
        .Select(i => (Left: i <= a.Length ? a[^i] : 1, Right: i <= b.Length ? b[^i] : 1))
        .Select(p => p.Left == p.Right || p.Right == 1 ? p.Left : p.Left == 1 ? p.Right : throw new ArgumentException($"[{string.Join(',', a)}] and [{string.Join(',', b)}] do not broadcast."))];

    private static int[] Indices(int[] shape, int offset)
    {
        int[] indices = new int[shape.Length];
        for (int axis = shape.Length - 1; axis >= 0; axis--) (offset, indices[axis]) = (offset / shape[axis], offset % shape[axis]);
        return indices;
    }

    private static int Offset(int[] shape, int[] place)
    {
        int offset = 0;
        for (int axis = 0; axis < shape.Length; axis++) offset = (offset * shape[axis]) + place[axis];
        return offset;
    }
}
