using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Bundles;

public sealed class VolumeBundleTests
{
    [Theory]
    [InlineData(VolumeAxes.Axial, SliceAggregation.MeanLogits, """{"axes":"axial","slices":28,"aggregate":"mean-logits"}""")]
    [InlineData(VolumeAxes.All, SliceAggregation.MaxProbabilities, """{"axes":"all","slices":28,"aggregate":"max-probabilities"}""")]
    public void Description_ComesBack(VolumeAxes axes, SliceAggregation aggregation, string json)
    {
        AdapterDescription description = TestBundles.Description with { Input = TestBundles.Description.Input with { Dicom = DicomVoi.Range, Volume = new VolumeRecipe(axes, 28, aggregation) } };
        string text = System.Text.Encoding.UTF8.GetString(description.ToJson());
        Assert.Contains("\"kind\":\"volume\"", text.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains(json, string.Concat(text.Where(c => !char.IsWhiteSpace(c))), StringComparison.Ordinal);
        Assert.Equal(description.Input, AdapterDescription.Parse(description.ToJson(), "it").Input);
    }

    [Theory]
    [InlineData("\"slices\": 28", "\"slices\": 0", "from 1 to 256")]
    [InlineData("\"slices\": 28", "\"slices\": 257", "from 1 to 256")]
    [InlineData("\"axial\"", "\"oblique\"", "'axial' or 'coronal' or 'sagittal' or 'all'")]
    [InlineData("\"mean-logits\"", "\"median\"", "'mean-logits'")]
    [InlineData("\"kind\": \"volume\"", "\"kind\": \"image\"", "$.input.volume: is unknown")]
    [InlineData("\"kind\": \"volume\"", "\"kind\": \"film\"", "'image' or 'volume'")]
    public void DescriptionThatMakesNoSense_IsRefused(string from, string to, string message)
    {
        AdapterDescription description = TestBundles.Description with { Input = TestBundles.Description.Input with { Volume = new VolumeRecipe(VolumeAxes.Axial, 28, SliceAggregation.MeanLogits) } };
        string text = System.Text.Encoding.UTF8.GetString(description.ToJson());
        Assert.Contains(from, text, StringComparison.Ordinal);
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => AdapterDescription.Parse(System.Text.Encoding.UTF8.GetBytes(text.Replace(from, to, StringComparison.Ordinal)), "it"), message);
    }

    [Fact]
    public void LayerOverSlices_ComesBack()
    {
        TaskHead linear = new(2, 5 * 3, [.. Enumerable.Range(0, 30).Select(i => i / 7f)], [1, 2]);
        BundleContents contents = Bundle.OpenUnverified(Write(linear, classes: 3), "it");
        Assert.Equal(linear.Weight, contents.Adapter.SliceHead!.Weight);
        Assert.Equal(linear.Bias, contents.Adapter.SliceHead.Bias);
        Assert.Equal(3, contents.Probe.Classes);
    }

    [Fact]
    public void LayerThatDoesNotFit_IsRefused()
    {
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Write(null, classes: 3), "found no layer over slices");
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Write(new TaskHead(2, 12, new float[24], new float[2]), classes: 3), "found a layer over slices of (2, 12), expected (2, 15)");
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Write(new TaskHead(3, 15, new float[45], new float[3]), classes: 3), "expected (2, 15)");
        TestBundles.Refused(BundleRefusal.InvalidAdapter, () => Write(new TaskHead(2, 10, new float[20], new float[2]), classes: 2, SliceAggregation.MeanLogits), "expected none but for the aggregation linear");
        Assert.Throws<AdapterException>(() => Write(new TaskHead(2, 14, new float[28], new float[2]), classes: 3));
    }

    private static byte[] Write(TaskHead? linear, int classes, SliceAggregation aggregation = SliceAggregation.Linear)
    {
        LoraAdapter plain = TestBundles.Adapter(classes: classes);
        return BundleWriter.Write(
            TestBundles.Description with { Input = TestBundles.Description.Input with { Volume = new VolumeRecipe(VolumeAxes.Axial, 5, aggregation) } },
            new LoraAdapter(plain.Scale, plain.Pairs, plain.Head, linear), TestBundles.Probe(classes: classes), preview: null, key: null);
    }
}
