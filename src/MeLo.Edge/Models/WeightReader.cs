using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>Reads canonical weights out of a checkpoint, one at a time: widened to binary32, transposed, resampled, checked.</summary>
internal sealed class WeightReader
{
    private readonly Checkpoint _checkpoint;
    private readonly VitArchitecture _vit;
    private readonly float[] _values;
    private readonly float[] _transposed;

    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="vit">The architecture to read for; only its image size may differ from the checkpoint's.</param>
    public WeightReader(Checkpoint checkpoint, VitArchitecture vit)
    {
        _checkpoint = checkpoint;
        _vit = vit;
        // The two buffers that serve every weight are as large as the largest.
        _values = new float[checkpoint.Weights.Max(w => w.Canonical.ElementCount)];
        _transposed = new float[checkpoint.Weights.Where(w => w.Transpose).Max(w => w.Canonical.ElementCount)];
    }

    /// <summary>The weight's row-major, little-endian binary32 data; valid until the next call.</summary>
    /// <exception cref="ModelException">A value is not finite.</exception>
    public ReadOnlySpan<byte> Read(CheckpointWeight weight)
    {
        TensorView tensor = _checkpoint.Tensors[weight.Name];
        if (weight.Canonical.Name == CanonicalWeights.PositionEmbedding) return MemoryMarshal.AsBytes<float>(ReadPositions(weight, tensor));
        Span<float> values = _values.AsSpan(0, (int)weight.Canonical.ElementCount);
        tensor.CopyTo(values, weight.FirstElement);
        CheckFinite(weight, values);
        if (!weight.Transpose) return MemoryMarshal.AsBytes(values);
        Span<float> transposed = _transposed.AsSpan(0, values.Length);
        Transposition.Run(values, transposed, rows: (int)weight.Canonical.Shape[1], columns: (int)weight.Canonical.Shape[0]);
        return MemoryMarshal.AsBytes(transposed);
    }

    private float[] ReadPositions(CheckpointWeight weight, TensorView tensor)
    {
        float[] source = tensor.ToSingles();
        CheckFinite(weight, source);
        int oldGrid = _checkpoint.Architecture.Grid, prefix = _vit.PrefixTokens * _vit.Dim;
        int gridStart = source.Length - (oldGrid * oldGrid * _vit.Dim);
        float[] positions = new float[_vit.Tokens * _vit.Dim];
        // A class token without a position of its own has position zero.
        source.AsSpan(0, gridStart).CopyTo(positions);
        PositionEmbedding.Resample(source.AsSpan(gridStart), oldGrid, _vit.Grid, _vit.Dim).CopyTo(positions, prefix);
        return positions;
    }

    private void CheckFinite(CheckpointWeight weight, ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll(values)) return;
        int index = 0;
        while (float.IsFinite(values[index])) index++;
        throw ModelException.Checkpoint(Path.GetFileName(_checkpoint.Path),
            $"tensor '{weight.Name}': found {values[index]} at element {weight.FirstElement + index}, expected finite numbers");
    }
}
