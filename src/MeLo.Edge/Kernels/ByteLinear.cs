using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Kernels;

/// <summary>
/// A linear whose input and weights are bytes: x·W + bias, in tasks that any threads may take in any order. What comes out is binary32, with
/// another value added to it on request, or goes through GELU and is made bytes again while it is still in the second-level cache.
/// </summary>
/// <remarks>Plain data: it may lie on the stack of the thread that starts the tasks. Every pointer stays the caller's.</remarks>
internal unsafe struct ByteLinear
{
    /// <summary>Panels of one task where the result becomes bytes: a group of the next linear's features.</summary>
    private const int GroupPanels = PackedMatrix.GroupRows / PackedMatrix.PanelColumns;

    private const int TileFloats = TileCall.MaxRows * PackedMatrix.PanelColumns;

    private static readonly float* s_zeros = (float*)NativeMemory.AllocZeroed(PackedMatrix.PanelColumns, sizeof(float));

    // Fewer, and the weights would be read more often than they are used.
    private const int FewestRows = 4 * TileCall.MaxRows;

    private ByteRows _in;
    private PackedMatrix _shape;
    private byte* _matrix;
    private float* _bias;
    private float* _residual;
    private float* _out;
    private ByteRows _outBytes;
    private bool _rotated;
    private ByteTilePath _path;
    private int _threads;
    private int _blockRows;
    private int _blocks;

    /// <summary>The number of tasks.</summary>
    public int Tasks { get; private set; }

    /// <summary>x·W + bias (+ residual) as binary32.</summary>
    /// <param name="x">The activations.</param>
    /// <param name="matrix">W, as <see cref="PackedMatrix"/> lays it out, [x's features, <paramref name="outFeatures"/>]; 64-byte alignment is fastest.</param>
    /// <param name="outFeatures">The columns of W.</param>
    /// <param name="bias">[outFeatures], or null.</param>
    /// <param name="residual">[rows, outFeatures] to add, or null.</param>
    /// <param name="result">[rows, outFeatures]; may be <paramref name="residual"/> itself.</param>
    /// <param name="threads">About how many threads will take tasks.</param>
    /// <param name="path">How products are computed.</param>
    public static ByteLinear Floats(in ByteRows x, byte* matrix, int outFeatures, float* bias, float* residual, float* result, int threads, ByteTilePath path)
    {
        ByteLinear linear = new(x, matrix, outFeatures, bias, threads, path) { _residual = residual, _out = result };
        linear.Divide(linear._shape.Panels);
        return linear;
    }

    /// <summary>GELU(x·W + bias) as bytes, turned (<see cref="Rotation"/>) on request.</summary>
    /// <param name="x">The activations.</param>
    /// <param name="matrix">W, as <see cref="PackedMatrix"/> lays it out, [x's features, result's features]; 64-byte alignment is fastest.</param>
    /// <param name="bias">[result's features], or null.</param>
    /// <param name="result">Where the bytes and ranges go; as many rows as x.</param>
    /// <param name="rotated">Whether they are turned.</param>
    /// <param name="threads">About how many threads will take tasks.</param>
    /// <param name="path">How products are computed.</param>
    public static ByteLinear GeluBytes(in ByteRows x, byte* matrix, float* bias, in ByteRows result, bool rotated, int threads, ByteTilePath path)
    {
        ByteLinear linear = new(x, matrix, result.Features, bias, threads, path) { _outBytes = result, _rotated = rotated };
        linear.Divide(result.Groups);
        return linear;
    }

    private ByteLinear(in ByteRows x, byte* matrix, int outFeatures, float* bias, int threads, ByteTilePath path)
    {
        _in = x;
        _shape = new PackedMatrix(x.Features, outFeatures);
        _matrix = matrix;
        _bias = bias;
        _threads = threads;
        _path = path;
    }

    /// <summary>Computes one task. Each belongs to one thread and each result to one task, so the outcome does not depend on who took what.</summary>
    public readonly void Task(int task)
    {
        int columns = task / _blocks, first = task % _blocks * _blockRows, count = Math.Min(_blockRows, _in.Rows - first);
        if (_out != null) FloatPanel(columns, first, count);
        else GeluGroup(columns, first, count);
    }

    // Rows are divided only where there are not enough columns to keep every thread busy.
    private void Divide(int columns)
    {
        const int TasksPerThread = 4;
        int wanted = (int)Math.Min(((long)TasksPerThread * _threads + columns - 1) / columns, Math.Max(1, _in.Rows / FewestRows));
        int rows = Math.Max(1, (_in.Rows + wanted - 1) / wanted); // of no rows there are no blocks, but nothing is divided by zero
        _blockRows = (rows + TileCall.MaxRows - 1) / TileCall.MaxRows * TileCall.MaxRows;
        _blocks = (_in.Rows + _blockRows - 1) / _blockRows;
        Tasks = columns * _blocks;
    }

    [SkipLocalsInit]
    private readonly void FloatPanel(int panel, int first, int count)
    {
        float* partial = stackalloc float[TileFloats];
        float* tile = stackalloc float[TileFloats];
        int column = panel * PackedMatrix.PanelColumns, width = _shape.OutFeatures - column;
        float* room = stackalloc float[PackedMatrix.PanelColumns];
        float* bias = Bias(column, room);
        for (int row = first; row < first + count; row += TileCall.MaxRows)
        {
            int rows = Math.Min(TileCall.MaxRows, first + count - row);
            long at = ((long)row * _shape.OutFeatures) + column;
            float* residual = _residual == null ? null : _residual + at;
            if (width >= PackedMatrix.PanelColumns)
            {
                Tile(panel, row, rows, row - first, partial, bias, residual, _out + at, _shape.OutFeatures);
                continue;
            }
            Tile(panel, row, rows, row - first, partial, bias, null, tile, PackedMatrix.PanelColumns);
            for (int i = 0; i < rows; i++, at += _shape.OutFeatures)
            {
                for (int c = 0; c < width; c++)
                {
                    float value = tile[(i * PackedMatrix.PanelColumns) + c];
                    _out[at + c] = _residual == null ? value : value + _residual[at + c];
                }
            }
        }
    }

    // Row by row what is a group of the next linear's features comes out of the tiles, and is still in the first-level cache.
    [SkipLocalsInit]
    private readonly void GeluGroup(int group, int first, int count)
    {
        float* partial = stackalloc float[TileFloats];
        float* block = stackalloc float[TileCall.MaxRows * PackedMatrix.GroupRows];
        int start = group * PackedMatrix.GroupRows, width = Math.Min(PackedMatrix.GroupRows, _shape.OutFeatures - start);
        int panel = group * GroupPanels, panels = Math.Min(GroupPanels, _shape.Panels - panel);
        float* room = stackalloc float[PackedMatrix.PanelColumns];
        float* lastBias = Bias(start + ((panels - 1) * PackedMatrix.PanelColumns), room);
        for (int row = first; row < first + count; row += TileCall.MaxRows)
        {
            int rows = Math.Min(TileCall.MaxRows, first + count - row);
            for (int p = 0; p < panels; p++)
            {
                int column = p * PackedMatrix.PanelColumns;
                float* bias = p == panels - 1 ? lastBias : Bias(start + column, null);
                Tile(panel + p, row, rows, row - first, partial, bias, null, block + column, PackedMatrix.GroupRows);
            }
            for (int i = 0; i < rows; i++)
            {
                float* values = block + (i * PackedMatrix.GroupRows);
                Gelu.Run(values, values, width);
                if (_rotated) Rotation.Row(values, width);
                long range = ((long)group * _outBytes.Rows) + row + i;
                RowQuantizer.Group(values, width, _outBytes.Bytes + ((long)(row + i) * _outBytes.RowBytes) + start, _outBytes.Scales + range, _outBytes.Lows + range);
            }
        }
    }

    /// <summary>The bias of a panel's columns, in <paramref name="room"/> where there is none or it ends within the panel.</summary>
    private readonly float* Bias(int column, float* room)
    {
        if (_bias == null) return s_zeros;
        int width = _shape.OutFeatures - column;
        if (width >= PackedMatrix.PanelColumns) return _bias + column;
        for (int i = 0; i < PackedMatrix.PanelColumns; i++) room[i] = i < width ? _bias[column + i] : 0;
        return room;
    }

    private readonly void Tile(int panel, int row, int rows, int doneRows, float* partial, float* bias, float* residual, float* result, int resultPitch)
    {
        const int GroupQuads = PackedMatrix.GroupRows / PackedMatrix.QuadRows;
        byte* weights = _matrix + (panel * _shape.PanelBytes);
        int before = _shape.Groups - 1, last = _shape.Quads - (before * GroupQuads);
        TileCall call;
        call.Bytes = _in.Bytes + ((long)row * _in.RowBytes);
        call.RowBytes = _in.RowBytes;
        call.Weights = (sbyte*)weights;
        call.Sums = (float*)(weights + _shape.SumsOffset);
        call.Scales = _in.Scales + row;
        call.Lows = _in.Lows + row;
        call.RangeStride = _in.Rows * sizeof(float);
        call.GroupsBefore = before;
        call.FourQuads = last / 4;
        call.OddQuads = last % 4;
        call.Partial = partial;
        call.Begun = 0;
        call.ColumnScales = (float*)(weights + _shape.ScalesOffset);
        call.Bias = bias;
        call.Residual = residual;
        call.Result = result;
        call.ResultStride = (nint)resultPitch * sizeof(float);
        call.Next = Next(panel, doneRows);
        ByteTilePaths.Compute(_path, &call, rows);
    }

    // The panel that this thread will most likely take next comes from memory while this one is computed: a share of it with every tile.
    private readonly byte* Next(int panel, int doneRows)
    {
        const int CacheLine = 64;
        long share = (long)_shape.Quads / 4 * CacheLine, offset = doneRows / TileCall.MaxRows * share;
        int next = panel + (_out != null ? _threads : _threads * GroupPanels);
        byte* here = _matrix + (panel * _shape.PanelBytes);
        return next < _shape.Panels && offset + share <= _shape.PanelBytes ? _matrix + (next * _shape.PanelBytes) + offset : here;
    }
}
