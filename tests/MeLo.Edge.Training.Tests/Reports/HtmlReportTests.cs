using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Metrics;
using MeLo.Edge.Training.Reports;
using MeLo.Edge.Training.Tests.Metrics;

namespace MeLo.Edge.Training.Tests.Reports;

public sealed partial class HtmlReportTests
{
    private static readonly XNamespace s_html = "http://www.w3.org/1999/xhtml", s_svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Page_IsWellFormed_AndSaysWhatTheContentSays()
    {
        ReportContent content = Content();
        XElement page = Parse(content);

        Assert.Equal("Blood cells", page.Descendants(s_html + "h1").Single().Value);
        Assert.Equal(["Synthetic phantoms, not for clinical use."], page.Descendants(s_html + "p").Where(p => (string?)p.Attribute("role") == "note").Select(p => p.Value));
        Assert.Equal(["Figures on the test samples", "Classes", "Curves", "Confusion matrix", "Data", "Settings", "Epochs"], page.Descendants(s_html + "h2").Select(h => h.Value));
        string text = page.Value;
        foreach (string expected in (string[])["base-digest", "bundle-digest", "dataset-digest", "blood.csv: 300 pictures", "rank", "Epoch 2 was kept."]) Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.Contains(content.Test.Auc.ToString("0.0000", CultureInfo.InvariantCulture), text, StringComparison.Ordinal);
        foreach (Interval interval in (Interval[])[content.Test.AucInterval, content.Test.AccuracyInterval, .. content.Calibrated!.Classes.SelectMany(c => (Interval[])[c.AucInterval, c.SensitivityInterval, c.SpecificityInterval])])
            Assert.Contains($"({interval})", text, StringComparison.Ordinal);
        Assert.Contains(content.Calibrated!.Ece.ToString("0.0000", CultureInfo.InvariantCulture), text, StringComparison.Ordinal);
        Assert.Equal("best", (string?)page.Descendants(s_html + "tr").Single(tr => tr.Elements().FirstOrDefault()?.Value == "2" && tr.Elements().Count() == 6).Attribute("class"));
    }

    [Fact]
    public void Page_NeedsNothingElse()
    {
        string page = Encoding.UTF8.GetString(HtmlReport.Write(Content()));
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", page, StringComparison.OrdinalIgnoreCase);
        // Addresses only where they name a language.
        Assert.All(Address().Matches(page), match => Assert.Contains(match.Value, (string[])["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"]));
        Assert.DoesNotMatch(@"\s(src|href|onload|onclick)\s*=", page);
    }

    [Fact]
    public void Page_CanBeReadWithoutSeeingIt()
    {
        XElement page = Parse(Content());
        Assert.Equal("en", (string?)page.Attribute("lang"));
        Assert.All(page.Descendants(s_html + "th").Where(th => th.Parent!.Parent!.Name == s_html + "thead"), th => Assert.Equal("col", (string?)th.Attribute("scope")));
        Assert.All(page.Descendants(s_html + "th").Where(th => th.Parent!.Parent!.Name == s_html + "tbody"), th => Assert.Equal("row", (string?)th.Attribute("scope")));
        string[] ids = [.. page.Descendants().Attributes("id").Select(a => a.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        foreach (XElement svg in page.Descendants(s_svg + "svg"))
        {
            Assert.Equal("img", (string?)svg.Attribute("role"));
            Assert.All(((string)svg.Attribute("aria-labelledby")!).Split(' '), id => Assert.Contains(id, ids));
            Assert.NotEmpty(svg.Element(s_svg + "desc")!.Value);
        }
    }

    [Fact]
    public void TheSameContent_GivesTheSameBytes_WhateverTheCulture()
    {
        byte[] bytes = HtmlReport.Write(Content());
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            CultureInfo.CurrentCulture.NumberFormat.NumberDecimalSeparator = ",";
            Assert.Equal(bytes, HtmlReport.Write(Content()));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
        Assert.DoesNotContain((byte)'\r', bytes);
    }

    [Fact]
    public void NamesOutOfFiles_AreTextAndNothingElse()
    {
        const string Hostile = "</title><script>alert(1)</script>\" onload='x' & \u0001\uFFFE \uD800 ]]> 𝒙";
        const string Readable = "</title><script>alert(1)</script>\" onload='x' & \uFFFD\uFFFD \uFFFD ]]> 𝒙";
        ReportContent content = Content() with
        {
            Title = Hostile,
            Task = Hostile,
            Labels = [Hostile, "b", "c"],
            Notes = [Hostile],
            Dataset = Hostile,
            DatasetDigest = Hostile,
            BaseDigest = Hostile,
            BundleDigest = Hostile,
            Counts = [new(Hostile, 1, 2, 3)],
            Settings = [(Hostile, Hostile)],
        };
        XElement page = Parse(content);
        Assert.Equal(Readable, page.Descendants(s_html + "h1").Single().Value);
        Assert.Equal(Readable, page.Descendants(s_html + "title").Single().Value);
        Assert.Empty(page.Descendants(s_html + "script"));
        Assert.DoesNotContain(page.Descendants().Attributes(), a => a.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        foreach ((_, byte[] svg) in HtmlReport.Curves(content)) Assert.NotNull(XDocument.Parse(Encoding.UTF8.GetString(svg)).Root);
    }

    [Fact]
    public void Curves_AreFilesOfTheirOwn()
    {
        using TemporaryFolder folder = new();
        ReportContent content = Content();
        IReadOnlyList<(string Name, byte[] Bytes)> curves = HtmlReport.Curves(content);
        Assert.Equal(["loss.svg", "auc.svg", "roc.svg", "reliability.svg"], curves.Select(c => c.Name));
        foreach ((string name, byte[] bytes) in curves)
        {
            File.WriteAllBytes(folder[name], bytes);
            Assert.Equal(s_svg + "svg", XDocument.Load(folder[name]).Root!.Name);
        }
    }

    [Fact]
    public void Lines_GoWhereTheNumbersAre()
    {
        ReportContent content = Content();
        XElement roc = Svg(content, "roc.svg");
        // The unit square is 400 x 250 from (62, 14): the curve begins below on the left and ends above on the right.
        XElement[] lines = [.. roc.Elements(s_svg + "polyline")];
        Assert.Equal(3, lines.Length);
        for (int c = 0; c < 3; c++)
        {
            (double X, double Y)[] points = Points(lines[c]);
            IReadOnlyList<RocPoint> curve = content.Calibrated!.Classes[c].Roc;
            Assert.Equal(curve.Count, points.Length);
            for (int i = 0; i < points.Length; i++)
            {
                Assert.Equal(62 + (400 * curve[i].FalsePositiveRate), points[i].X, 0.006);
                Assert.Equal(264 - (250 * curve[i].TruePositiveRate), points[i].Y, 0.006);
            }
        }
        XElement loss = Svg(content, "loss.svg");
        (double X, double Y)[] training = Points(loss.Elements(s_svg + "polyline").First());
        Assert.Equal([62, 262, 462], training.Select(p => p.X));
        Assert.True(training[0].Y < training[1].Y && training[1].Y < training[2].Y); // the loss falls: lower on the page
    }

    [Fact]
    public void EpochsWithoutAnAuc_InterruptTheLine()
    {
        ReportContent content = Content();
        content = content with { Epochs = [.. content.Epochs, new(4, 0.3, 0.4, double.NaN, 1e-4, 1), new(5, 0.3, 0.4, 0.9, 1e-4, 1)] };
        XElement auc = Svg(content, "auc.svg");
        Assert.Equal([3, 1], auc.Elements(s_svg + "polyline").Select(p => Points(p).Length));
        Assert.Single(auc.Elements(s_svg + "circle")); // the last point alone
        Assert.DoesNotContain("NaN", Encoding.UTF8.GetString(HtmlReport.Write(content)), StringComparison.Ordinal);
    }

    [Fact]
    public void TwoClasses_HaveOneRocCurve()
    {
        ReportContent content = Content(classes: 2);
        Assert.Single(Svg(content, "roc.svg").Elements(s_svg + "polyline"));
    }

    [Fact]
    public void ManyClasses_AreCutToWhatCanBeTold()
    {
        ReportContent content = Content(classes: 40);
        XElement page = Parse(content);
        Assert.Equal(10, Svg(content, "roc.svg").Elements(s_svg + "polyline").Count());
        Assert.DoesNotContain("Confusion matrix", page.Descendants(s_html + "h2").Select(h => h.Value));
    }

    [Fact]
    public void SeveralLabels_HaveNoConfusionMatrix_AndNoEpochs_NoCurves()
    {
        LabelledLogits answers = Answers.Random(50, 3, isMultiLabel: true, skill: 1, seed: 3);
        ReportContent content = Content() with { Test = Evaluation.Of(answers, 1, [0.5, 0.5, 0.5]), Calibrated = null, Epochs = [], BestEpoch = null };
        string[] headings = [.. Parse(content).Descendants(s_html + "h2").Select(h => h.Value)];
        Assert.DoesNotContain("Confusion matrix", headings);
        Assert.DoesNotContain("Epochs", headings);
        Assert.Equal(["roc.svg", "reliability.svg"], HtmlReport.Curves(content).Select(c => c.Name));
    }

    [Theory]
    [InlineData(new double[] { 0.5 })]
    [InlineData(new double[] { 0.93, 0.94 })]
    [InlineData(new double[] { 0, 1e-7 })]
    [InlineData(new double[] { -3, 1234567 })]
    [InlineData(new double[] { 1e-300, 2e-300 })]
    [InlineData(new double[] { 7, 7, 7 })]
    [InlineData(new double[] { double.NaN })]
    [InlineData(new double[0])]
    public void Axes_HoldEveryValue_WithAHandfulOfTicks(double[] values)
    {
        LineChart chart = new()
        {
            Id = "c", Title = "t", Description = "d", XLabel = "x", YLabel = "y", HasWholeX = true,
            Series = [new("s", [.. values.Select((v, i) => (i + 1.0, v))]) { HasMarks = true }],
        };
        XElement svg = XElement.Parse(chart.Draw().ToString());
        foreach (XElement mark in svg.Elements(s_svg + "circle"))
        {
            Assert.InRange(Number(mark, "cx"), 62, 462);
            Assert.InRange(Number(mark, "cy"), 14, 264);
        }
        Assert.InRange(svg.Elements(s_svg + "text").Count(t => (string?)t.Attribute("text-anchor") == "end"), 2, 10);
    }

    private static ReportContent Content(int classes = 3)
    {
        LabelledLogits answers = Answers.Random(200, classes, isMultiLabel: false, skill: 2.5, seed: 1);
        string[] labels = classes == 3 ? ["eosinophil", "lymphocyte", "neutrophil"] : [.. Enumerable.Range(0, classes).Select(c => $"class {c}")];
        double temperature = TemperatureScaling.Fit(answers);
        return new ReportContent
        {
            Title = "Blood cells",
            Task = "blood-cell",
            Labels = labels,
            Notes = ["Synthetic phantoms, not for clinical use."],
            BaseDigest = "base-digest",
            BundleDigest = "bundle-digest",
            Dataset = "blood.csv: 300 pictures, 3 classes",
            DatasetDigest = "dataset-digest",
            Counts = [.. labels.Select((label, i) => new ClassCounts(label, 50 + i, 20, 30))],
            Settings = [("mode", "lora"), ("rank", "4"), ("seed", "1")],
            Epochs = [new(1, 1.2, 1.1, 0.71, 1e-3, 12.34), new(2, 0.8, 0.9, 0.86, 5e-4, 12.1), new(3, 0.6, 0.95, 0.84, 1e-6, 12.2)],
            BestEpoch = 2,
            Test = Evaluation.Of(answers, 1, OperatingPoints.Choose(answers, 1)),
            Calibrated = Evaluation.Of(answers, temperature, OperatingPoints.Choose(answers, temperature)),
        };
    }

    private static XElement Parse(ReportContent content) => XDocument.Parse(Encoding.UTF8.GetString(HtmlReport.Write(content))).Root!;

    private static XElement Svg(ReportContent content, string name) => XElement.Parse(Encoding.UTF8.GetString(HtmlReport.Curves(content).Single(c => c.Name == name).Bytes));

    private static (double X, double Y)[] Points(XElement polyline) =>
        [.. ((string)polyline.Attribute("points")!).Split(' ').Select(p => p.Split(',')).Select(p => (double.Parse(p[0], CultureInfo.InvariantCulture), double.Parse(p[1], CultureInfo.InvariantCulture)))];

    private static double Number(XElement element, string attribute) => double.Parse((string)element.Attribute(attribute)!, CultureInfo.InvariantCulture);

    [GeneratedRegex("https?://[^\"'< ]+")]
    private static partial Regex Address();
}
