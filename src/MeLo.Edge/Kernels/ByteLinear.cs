using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

    // Fewer, and the weights would be read more often than they are used.
    private const int FewestRows = 4 * TileCall.MaxRows;

    private ByteRows _in;
    private PackedMatrix _shape;
    private byte* _matrix;
    private float* _bias;
    private float* _residual;
    private float* _out;
    private ByteRows _outBytes;
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

    /// <summary>GELU(x·W + bias) as bytes.</summary>
    /// <param name="x">The activations.</param>
    /// <param name="matrix">W, as <see cref="PackedMatrix"/> lays it out, [x's features, result's features]; 64-byte alignment is fastest.</param>
    /// <param name="bias">[result's features], or null.</param>
    /// <param name="result">Where the bytes and ranges go; as many rows as x.</param>
    /// <param name="threads">About how many threads will take tasks.</param>
    /// <param name="path">How products are computed.</param>
    public static ByteLinear GeluBytes(in ByteRows x, byte* matrix, float* bias, in ByteRows result, int threads, ByteTilePath path)
    {
        ByteLinear linear = new(x, matrix, result.Features, bias, threads, path) { _outBytes = result };
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
        float* tile = stackalloc float[TileCall.MaxRows * PackedMatrix.PanelColumns];
        int column = panel * PackedMatrix.PanelColumns, width = Math.Min(PackedMatrix.PanelColumns, _shape.OutFeatures - column);
        float* scales = Scales(panel);
        for (int row = first; row < first + count; row += TileCall.MaxRows)
        {
            int rows = Math.Min(TileCall.MaxRows, first + count - row);
            Tile(panel, row, rows, row - first, tile);
            for (int i = 0; i < rows; i++)
            {
                long at = ((long)(row + i) * _shape.OutFeatures) + column;
                float* sums = tile + (i * PackedMatrix.PanelColumns);
                Finish(sums, scales, _bias == null ? null : _bias + column, _residual == null ? null : _residual + at, width, _out + at);
            }
        }
    }

    [SkipLocalsInit]
    private readonly void GeluGroup(int group, int first, int count)
    {
        float* tile = stackalloc float[TileCall.MaxRows * PackedMatrix.PanelColumns];
        float* block = KernelScratch.Floats(_blockRows * PackedMatrix.GroupRows);
        int start = group * PackedMatrix.GroupRows, width = Math.Min(PackedMatrix.GroupRows, _shape.OutFeatures - start);
        for (int p = 0; p < GroupPanels; p++)
        {
            int column = p * PackedMatrix.PanelColumns, panelWidth = Math.Min(PackedMatrix.PanelColumns, width - column);
            if (panelWidth <= 0) break;
            int panel = (group * GroupPanels) + p;
            float* scales = Scales(panel);
            for (int row = 0; row < count; row += TileCall.MaxRows)
            {
                int rows = Math.Min(TileCall.MaxRows, count - row);
                Tile(panel, first + row, rows, row, tile);
                for (int i = 0; i < rows; i++)
                {
                    Finish(tile + (i * PackedMatrix.PanelColumns), scales, _bias == null ? null : _bias + start + column, null, panelWidth,
                        block + ((row + i) * PackedMatrix.GroupRows) + column);
                }
            }
        }
        for (int i = 0; i < count; i++)
        {
            float* row = block + (i * PackedMatrix.GroupRows);
            Gelu.Run(row, row, width);
            long range = ((long)group * _outBytes.Rows) + first + i;
            RowQuantizer.Group(row, width, _outBytes.Bytes + ((long)(first + i) * _outBytes.RowBytes) + start, _outBytes.Scales + range, _outBytes.Lows + range);
        }
    }

    private readonly float* Scales(int panel) => (float*)(_matrix + (panel * _shape.PanelBytes) + _shape.ScalesOffset);

    /// <summary>Fills a tile: whole groups in one call, a shorter last one in another.</summary>
    private readonly void Tile(int panel, int row, int rows, int doneRows, float* tile)
    {
        const int GroupQuads = PackedMatrix.GroupRows / PackedMatrix.QuadRows;
        NativeMemory.Clear(tile, (nuint)(rows * PackedMatrix.PanelColumns * sizeof(float)));
        byte* weights = _matrix + (panel * _shape.PanelBytes);
        int whole = _shape.Quads / GroupQuads, rest = _shape.Quads % GroupQuads;
        TileCall call = new()
        {
            Bytes = _in.Bytes + ((long)row * _in.RowBytes),
            RowBytes = _in.RowBytes,
            Weights = (sbyte*)weights,
            Sums = (float*)(weights + _shape.SumsOffset),
            Scales = _in.Scales + row,
            Lows = _in.Lows + row,
            RangeStride = _in.Rows * sizeof(float),
            Groups = whole,
            FourQuads = GroupQuads / 4,
            Results = tile,
            Next = Next(panel, doneRows),
        };
        if (whole > 0) ByteTilePaths.Compute(_path, &call, rows);
        if (rest == 0) return;
        call.Bytes = _in.Bytes + ((long)row * _in.RowBytes) + (whole * PackedMatrix.GroupRows);
        call.Weights = (sbyte*)weights + (whole * PackedMatrix.GroupRows * PackedMatrix.PanelColumns);
        (call.Groups, call.FourQuads, call.OddQuads) = (1, rest / 4, rest % 4);
        ByteTilePaths.Compute(_path, &call, rows);
    }

    // The panel that this thread will most likely take next comes from memory while this one is computed: a share of it with every tile.
    private readonly byte* Next(int panel, int doneRows)
    {
        const int CacheLine = 64;
        long share = (long)_shape.Quads / 4 * CacheLine, offset = doneRows / TileCall.MaxRows * share;
        int next = panel + (_out != null ? _threads : panel % GroupPanels < GroupPanels - 1 ? 1 : ((_threads - 1) * GroupPanels) + 1);
        byte* here = _matrix + (panel * _shape.PanelBytes);
        return next < _shape.Panels && offset + share <= _shape.PanelBytes ? _matrix + (next * _shape.PanelBytes) + offset : here;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(float* sums, float* scales, float* bias, float* residual, int width, float* to)
    {
        int lanes = Vector512<float>.Count, i = 0;
        for (; i <= width - lanes; i += lanes)
        {
            Vector512<float> value = Vector512.FusedMultiplyAdd(Vector512.Load(sums + i), Vector512.Load(scales + i), bias == null ? default : Vector512.Load(bias + i));
            if (residual != null) value += Vector512.Load(residual + i);
            value.Store(to + i);
        }
        for (; i < width; i++)
        {
            float value = MathF.FusedMultiplyAdd(sums[i], scales[i], bias == null ? 0 : bias[i]);
            to[i] = residual == null ? value : value + residual[i];
        }
    }
}
