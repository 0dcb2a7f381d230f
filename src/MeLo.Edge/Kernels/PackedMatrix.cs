namespace MeLo.Edge.Kernels;

/// <summary>
/// Where the parts of a quantised weight matrix [in, out] lie in memory. Columns come in panels of 64, each complete in itself: first the
/// weights, four rows ("a quad") of each column side by side as dot-product instructions want them, then for each group of 256 rows
/// the sums of the columns' weights, then for each group the columns' scales. Weights that only fill up a quad or a panel are zeros.
/// </summary>
/// <param name="InFeatures">The rows, at least 1.</param>
/// <param name="OutFeatures">The columns, at least 1.</param>
/// <remarks>
/// <code>
/// panel = [quads][64][4] signed bytes | [groups][64] binary32 sums | [groups][64] binary32 scales
/// </code>
/// Every part is a multiple of 256 bytes. The layout is the same on every machine; docs/base-package.md describes it.
/// </remarks>
internal readonly record struct PackedMatrix(int InFeatures, int OutFeatures)
{
    /// <summary>The columns of a panel: four vectors of sixteen sums.</summary>
    public const int PanelColumns = 64;

    /// <summary>
    /// The rows that share a range of the activations and, in each column, a scale of the weights. Small enough that one channel far beyond the
    /// others costs few of them their precision, large enough that the sums' conversion to binary32 costs little.
    /// </summary>
    public const int GroupRows = 256;

    /// <summary>The rows whose products one dot-product instruction adds.</summary>
    public const int QuadRows = 4;

    /// <summary>The quads of a column.</summary>
    public int Quads => (InFeatures + QuadRows - 1) / QuadRows;

    /// <summary>The groups of rows; the last may be shorter.</summary>
    public int Groups => GroupsOf(InFeatures);

    /// <summary>The panels.</summary>
    public int Panels => (OutFeatures + PanelColumns - 1) / PanelColumns;

    /// <summary>The bytes of a panel's weights: where its sums begin.</summary>
    public long SumsOffset => (long)Quads * QuadRows * PanelColumns;

    /// <summary>Where a panel's scales begin.</summary>
    public long ScalesOffset => SumsOffset + ((long)Groups * PanelColumns * sizeof(float));

    /// <summary>The bytes of a panel.</summary>
    public long PanelBytes => ScalesOffset + ((long)Groups * PanelColumns * sizeof(float));

    /// <summary>The bytes of the matrix.</summary>
    public long ByteLength => Panels * PanelBytes;

    /// <summary>The groups that so many rows make.</summary>
    public static int GroupsOf(int rows) => (rows + GroupRows - 1) / GroupRows;

    /// <summary>Bytes of one row of quantised activations: the features, filled up to whole quads.</summary>
    public static int RowBytes(int features) => (features + QuadRows - 1) / QuadRows * QuadRows;

    /// <summary>The byte of a weight within its panel.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">The column within the panel.</param>
    public static long WeightOffset(int row, int column) => ((((long)(row / QuadRows) * PanelColumns) + column) * QuadRows) + (row % QuadRows);
}
