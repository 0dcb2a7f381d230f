namespace MeLo.Edge.Training.Reports;

/// <summary>Points in order, joined by a line; what is not finite interrupts it.</summary>
internal sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>Whether each point is marked.</summary>
    public bool HasMarks { get; init; }
}

/// <summary>Lines in a plane, drawn as SVG: light ground, colours that remain apart for the colour-blind and dashes for those who have none, and a description for those who cannot see it.</summary>
internal sealed record LineChart
{
    private const int Width = 480, PlotLeft = 62, PlotTop = 14, PlotWidth = 400, PlotHeight = 250, LegendRow = 18;

    // Okabe and Ito, "Color universal design", 2008, without the yellow, which is too light for lines.
    private static readonly string[] s_colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
    private static readonly string[] s_dashes = ["none", "7 3", "2 3", "9 3 2 3"];

    /// <summary>What tells the chart from others in one document, and names its file.</summary>
    public required string Id { get; init; }

    /// <summary>What it shows.</summary>
    public required string Title { get; init; }

    /// <summary>What there is to see, in words.</summary>
    public required string Description { get; init; }

    /// <summary>What lies along the horizontal axis.</summary>
    public required string XLabel { get; init; }

    /// <summary>What lies along the vertical axis.</summary>
    public required string YLabel { get; init; }

    /// <summary>The lines.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    /// <summary>Both axes from 0 to 1 with the diagonal, instead of what the points cover.</summary>
    public bool IsUnitSquare { get; init; }

    /// <summary>Whether only whole numbers lie along the horizontal axis.</summary>
    public bool HasWholeX { get; init; }

    /// <summary>A whole <c>svg</c> element, for a page or for a file of its own.</summary>
    public Markup Draw()
    {
        (Axis x, Axis y) = Axes();
        int height = PlotTop + PlotHeight + 46 + (LegendRow * Series.Count);
        Markup svg = new();
        svg.Line($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" role="img" aria-labelledby="{Id}-title {Id}-description" font-family="sans-serif" font-size="12">""");
        svg.Line($"""<title id="{Id}-title">{Title}</title>""");
        svg.Line($"""<desc id="{Id}-description">{Description}</desc>""");
        svg.Line($"""<rect width="{Width}" height="{height}" fill="#ffffff"/>""");
        foreach (double tick in x.Ticks)
        {
            double at = PlotLeft + (x.Share(tick) * PlotWidth);
            svg.Line($"""<line x1="{at}" y1="{PlotTop}" x2="{at}" y2="{PlotTop + PlotHeight}" stroke="#e2e2e2"/>""");
            svg.Line($"""<text x="{at}" y="{PlotTop + PlotHeight + 16}" text-anchor="middle" fill="#333333">{tick:0.######}</text>""");
        }
        foreach (double tick in y.Ticks)
        {
            double at = PlotTop + ((1 - y.Share(tick)) * PlotHeight);
            svg.Line($"""<line x1="{PlotLeft}" y1="{at}" x2="{PlotLeft + PlotWidth}" y2="{at}" stroke="#e2e2e2"/>""");
            svg.Line($"""<text x="{PlotLeft - 6}" y="{at + 4}" text-anchor="end" fill="#333333">{tick:0.######}</text>""");
        }
        if (IsUnitSquare)
            svg.Line($"""<line x1="{PlotLeft}" y1="{PlotTop + PlotHeight}" x2="{PlotLeft + PlotWidth}" y2="{PlotTop}" stroke="#999999" stroke-dasharray="4 4"/>""");
        svg.Line($"""<rect x="{PlotLeft}" y="{PlotTop}" width="{PlotWidth}" height="{PlotHeight}" fill="none" stroke="#666666"/>""");
        svg.Line($"""<text x="{PlotLeft + (PlotWidth / 2)}" y="{PlotTop + PlotHeight + 33}" text-anchor="middle" fill="#111111">{XLabel}</text>""");
        svg.Line($"""<text x="14" y="{PlotTop + (PlotHeight / 2)}" text-anchor="middle" fill="#111111" transform="rotate(-90 14 {PlotTop + (PlotHeight / 2)})">{YLabel}</text>""");
        for (int i = 0; i < Series.Count; i++) Draw(svg, Series[i], i, x, y);
        return svg.Line($"</svg>");
    }

    private static void Draw(Markup svg, ChartSeries series, int index, Axis x, Axis y)
    {
        string colour = s_colours[index % s_colours.Length], dashes = s_dashes[index % s_dashes.Length];
        foreach ((double X, double Y)[] run in Runs(series.Points))
        {
            string path = string.Join(' ', run.Select(p => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Left(p):0.##},{Top(p):0.##}")));
            svg.Line($"""<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" stroke-linejoin="round"/>""");
            // A line of one point cannot be seen.
            if (series.HasMarks || run.Length == 1)
                foreach ((double X, double Y) point in run) svg.Line($"""<circle cx="{Left(point)}" cy="{Top(point)}" r="3" fill="{colour}"/>""");
        }
        int row = PlotTop + PlotHeight + 50 + (LegendRow * index);
        svg.Line($"""<line x1="{PlotLeft}" y1="{row}" x2="{PlotLeft + 34}" y2="{row}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>""");
        svg.Line($"""<text x="{PlotLeft + 42}" y="{row + 4}" fill="#111111">{series.Name}</text>""");

        double Left((double X, double Y) point) => PlotLeft + (x.Share(point.X) * PlotWidth);
        double Top((double X, double Y) point) => PlotTop + ((1 - y.Share(point.Y)) * PlotHeight);
    }

    private static IEnumerable<(double X, double Y)[]> Runs(IReadOnlyList<(double X, double Y)> points)
    {
        for (int i = 0; i < points.Count;)
        {
            (double X, double Y)[] run = [.. points.Skip(i).TakeWhile(p => double.IsFinite(p.X) && double.IsFinite(p.Y))];
            if (run.Length > 0) yield return run;
            i += run.Length + 1;
        }
    }

    private (Axis X, Axis Y) Axes()
    {
        if (IsUnitSquare) return (Axis.Over([0, 1], isWhole: false), Axis.Over([0, 1], isWhole: false));
        (double X, double Y)[] points = [.. Series.SelectMany(s => s.Points).Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y))];
        return (Axis.Over([.. points.Select(p => p.X)], HasWholeX), Axis.Over([.. points.Select(p => p.Y)], isWhole: false));
    }

    /// <summary>An axis from one tick to another, between which everything lies.</summary>
    private sealed record Axis(double From, double To, IReadOnlyList<double> Ticks)
    {
        private const int MostTicks = 8;

        public double Share(double value) => (value - From) / (To - From);

        /// <summary>Ticks are one, two or five times a power of ten apart.</summary>
        public static Axis Over(double[] values, bool isWhole)
        {
            double low = values.DefaultIfEmpty(0).Min(), high = values.DefaultIfEmpty(1).Max();
            if (high - low < 1e-9 * Math.Max(1, Math.Abs(high))) (low, high) = isWhole ? (low - 1, high + 1) : (low - 0.5, high + 0.5);
            double step = Math.Pow(10, Math.Floor(Math.Log10((high - low) / MostTicks)));
            foreach (double factor in (double[])[2, 2.5, 2, 2, 2.5])
            {
                if (Math.Ceiling(high / step) - Math.Floor(low / step) <= MostTicks) break;
                step *= factor;
            }
            if (isWhole) step = Math.Max(1, step);
            int first = (int)Math.Floor((low / step) + 1e-9), last = (int)Math.Ceiling((high / step) - 1e-9);
            double[] ticks = [.. Enumerable.Range(first, last - first + 1).Select(i => i * step)];
            // Epochs need no room beside the first and the last.
            return isWhole ? new Axis(low, high, [.. ticks.Where(t => t >= low && t <= high)]) : new Axis(ticks[0], ticks[^1], ticks);
        }
    }
}
