using MeLo.Edge.Bundles;
using MeLo.Edge.Volumes;

namespace AdapterPacker.Tests;

public sealed class PackTests(Workbench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Bundle_SaysWhatItWasToldAndWhatItFound()
    {
        string card = _folder["card.json"], bias = _folder["bias.json"], bundle = _folder["b.melo"];
        File.WriteAllText(card, """{"task":"Lesion grading","dataset":{"description":"made up","samples":{"train":1,"validation":2,"test":3}},"training":{"learningRate":"1e-3","epochs":4},"metrics":{"auc":0.5},"intendedUse":"tests","licence":"none"}""");
        File.WriteAllText(bias, "[0.5, -0.25, 0.125]");
        Packer.Done(bench.Pack(bundle, "--unsigned", "--release", "7", "--activation", "sigmoid", "--preprocess", "imagenet", "--card", card, "--head-bias", bias));
        BundleContents contents = Bundle.OpenUnverified(bundle);
        AdapterDescription description = contents.Description;
        Assert.Equal(("lesion", 7, "Lesion grading"), (description.Task, description.Release, description.Title));
        Assert.Equal((HeadActivation.Sigmoid, "file"), (description.Head.Activation, description.Head.BiasSource));
        Assert.Equal(["normal", "benign", "malignant"], description.Head.Labels);
        Assert.Equal([0.5f, -0.25f, 0.125f], contents.Adapter.Head.Bias);
        // The preset resizes to 256 for 224; this base's images have 16 pixels.
        Assert.Equal((16, 18), (description.Input.Preprocess.Size, description.Input.Preprocess.ShortestSide));
        Assert.Equal((1, 4, 1.0, "lora-vit"), (contents.Probe.Inputs, description.Lora.Rank, description.Lora.Scale, description.Lora.Source));
        Assert.Equal("none", description.Card!.Licence);
        Assert.Contains("file beside the adapter", Packer.Done("inspect", bundle), StringComparison.Ordinal);
    }

    [Fact]
    public void HeadBiasInSafetensors_AndRecipeInJson_AreTaken()
    {
        string bias = RandomVit.Write(_folder["bias.safetensors"], new Dictionary<string, (long[], float[])> { ["fc.bias"] = ([3], [1, 2, 3]) });
        string bundle = _folder["b.melo"];
        Packer.Done(bench.Pack(bundle, "--unsigned", "--head-bias", bias, "--preprocess",
            """{"resize":"squash","size":16,"interpolation":"bilinear","mean":[0,0,0],"std":[1,1,1]}"""));
        BundleContents contents = Bundle.OpenUnverified(bundle);
        Assert.Equal([1, 2, 3], contents.Adapter.Head.Bias);
        Assert.Equal(1, contents.Description.Input.Preprocess.Std[0]);
    }

    [Theory]
    [InlineData("file", "file")]
    [InlineData("named:SOFT TISSUE", "named:SOFT TISSUE")]
    [InlineData("percentile:1,99", "percentile:1,99")]
    [InlineData("window:-600,1500", "window:-600,1500,linear")]
    [InlineData("window:40,0.5,sigmoid", "window:40,0.5,sigmoid")]
    public void DicomValues_AreTakenAndShown(string option, string shown)
    {
        string bundle = _folder["b.melo"];
        Packer.Done(bench.Pack(bundle, "--unsigned", "--dicom", option));
        Assert.Equal(shown, Bundle.OpenUnverified(bundle).Description.Input.Dicom!.ToString());
        Assert.Contains(shown, Packer.Done("inspect", bundle), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lung")]
    [InlineData("window:40")]
    [InlineData("window:40,0")]
    [InlineData("window:a,b")]
    [InlineData("window:1,2,cubic")]
    [InlineData("percentile:99,1")]
    [InlineData("named:")]
    public void DicomValuesThatMakeNoSense_AreWrongUsage(string option)
    {
        ProgramResult result = Packer.Run(bench.Pack(_folder["b.melo"], "--unsigned", "--dicom", option));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--dicom", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Volumes_AreTakenAndShown()
    {
        string bundle = _folder["b.melo"];
        Packer.Done(bench.Pack(bundle, "--unsigned", "--slices", "28", "--axes", "all", "--dicom", "percentile:1,99"));
        Assert.Equal(new VolumeRecipe(VolumeAxes.All, 28, SliceAggregation.MeanLogits), Bundle.OpenUnverified(bundle).Description.Input.Volume);
        Assert.Contains("28 slices along each axis, mean-logits", Packer.Done("inspect", bundle), StringComparison.Ordinal);
        Packer.Done(bench.Pack(bundle, "--unsigned", "--slices", "5", "--aggregate", "max-probabilities"));
        Assert.Contains("5 slices along the axial axis, max-probabilities", Packer.Done("inspect", bundle), StringComparison.Ordinal);
    }

    [Fact]
    public void LayerOverSlices_IsTakenByLoraVitsName()
    {
        string bundle = _folder["b.melo"];
        float[] weight = [.. Enumerable.Range(0, 3 * 4 * 3).Select(i => i / 10f)];
        string head = RandomVit.Write(_folder["proj.safetensors"], new Dictionary<string, (long[], float[])> { ["proj_3d.weight"] = ([3, 12], weight), ["proj_3d.bias"] = ([3], [1, 2, 3]) });
        Packer.Done(bench.Pack(bundle, "--unsigned", "--slices", "4", "--slice-head", head));
        BundleContents contents = Bundle.OpenUnverified(bundle);
        Assert.Equal(SliceAggregation.Linear, contents.Description.Input.Volume!.Aggregation);
        Assert.Equal(weight, contents.Adapter.SliceHead!.Weight);
        ProgramResult result = Packer.Run(bench.Pack(bundle, "--unsigned", "--slices", "5", "--slice-head", head));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("expected (3, 15)", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--axes", "all")]
    [InlineData("--aggregate", "max-logits")]
    [InlineData("--slices", "5", "--aggregate", "linear")]
    [InlineData("--slices", "5", "--aggregate", "mean-logits", "--slice-head", "x.safetensors")]
    [InlineData("--slices", "5", "--axes", "oblique")]
    [InlineData("--slices", "5", "--aggregate", "median")]
    [InlineData("--slices", "0")]
    [InlineData("--slices", "257")]
    public void VolumeOptionsThatMakeNoSense_AreWrongUsage(params string[] options)
    {
        ProgramResult result = Packer.Run(bench.Pack(_folder["b.melo"], ["--unsigned", .. options]));
        Assert.Equal(2, result.ExitCode);
    }

    [Fact]
    public void TheSameInputs_GiveTheSameAdapterAndProbe()
    {
        string first = _folder["1.melo"], second = _folder["2.melo"];
        Packer.Done(bench.Pack(first, "--unsigned"));
        Packer.Done(bench.Pack(second, "--unsigned"));
        Probe a = Bundle.OpenUnverified(first).Probe, b = Bundle.OpenUnverified(second).Probe;
        Assert.Equal(a.PixelValues, b.PixelValues);
        Assert.Equal(a.Logits, b.Logits);
        Assert.True(a.Logits.Distinct().Count() > 1);
    }

    [Fact]
    public void OlderBundleIsReplaced_ButNothingElse()
    {
        string bundle = _folder["b.melo"], picture = _folder["photo.melo"];
        Packer.Done(bench.Pack(bundle, "--unsigned"));
        string before = Bundle.OpenUnverified(bundle).Digest;
        Packer.Done(bench.Pack(bundle, "--unsigned", "--release", "2"));
        Assert.NotEqual(before, Bundle.OpenUnverified(bundle).Digest);
        File.WriteAllText(picture, "not a bundle");
        Packer.Refused("found a file that is no bundle", bench.Pack(picture, "--unsigned"));
        Packer.Refused("found a folder", bench.Pack(_folder.Root, "--unsigned"));
        string key = _folder["signing.key.pem"];
        File.Copy(bench.Key, key);
        Packer.Refused("found a file that is no bundle", bench.Pack(key, "--key", key));
        Assert.Equal(File.ReadAllText(bench.Key), File.ReadAllText(key));
        Assert.Equal("not a bundle", File.ReadAllText(picture));
    }

    public static TheoryData<string, string[], string> Refusals => new()
    {
        { "labels too few", ["--labels", "a,b"], "head of 3 classes, expected 2" },
        { "rank", ["--rank", "8"], "expected 8 as was given" },
        { "alpha", ["--alpha", "3"], "alpha // rank" },
        { "adapter", ["--adapter", "absent.safetensors"], "absent.safetensors" },
        { "base", ["--base", "absent"], "absent" },
        { "card", ["--card", "absent.json"], "absent.json" },
        { "bias", ["--head-bias", "absent.json"], "absent.json" },
        { "recipe of another size", ["--preprocess", """{"resize":"squash","size":224,"interpolation":"bicubic","mean":[0,0,0],"std":[1,1,1]}"""], "--preprocess: found images of 224 pixels, expected 16" },
        { "recipe", ["--preprocess", """{"resize":"stretch"}"""], "resize" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void InputThatDoesNotFit_IsRefusedInOneLine_AndNothingIsWritten(string what, string[] change, string reason)
    {
        string[] arguments = bench.Pack(_folder["b.melo"], "--unsigned");
        // Each option may be given once: take the default out where the test gives another.
        int at = Array.IndexOf(arguments, change[0]);
        Packer.Refused(reason, at < 0 ? [.. arguments, .. change] : [.. arguments[..at], .. arguments[(at + 2)..], .. change]);
        Assert.True(Directory.GetFileSystemEntries(_folder.Root).Length == 0, what);
    }

    [Fact]
    public void LinkStaysALink_AndTheLongestNameIsTaken()
    {
        string bundle = _folder["b.melo"], link = _folder["link.melo"], longest = _folder[new string('n', 250) + ".melo"];
        File.CreateSymbolicLink(link, bundle);
        Packer.Done(bench.Pack(link, "--unsigned"));
        Assert.Null(Bundle.OpenUnverified(bundle).SignatureClaim);
        Packer.Done("sign", link, "--key", bench.Key);
        Assert.Equal(SigningMethod.Key, Bundle.OpenUnverified(bundle).SignatureClaim);
        Assert.Equal(bundle, File.ResolveLinkTarget(link, returnFinalTarget: false)!.FullName);
        Packer.Done(bench.Pack(longest, "--unsigned"));
        Assert.Equal([bundle, link, longest], Directory.GetFileSystemEntries(_folder.Root).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void PresetThatDoesNotExist_AndRankOfAPeftFolder_AreWrongUsage()
    {
        ProgramResult result = Packer.Run(bench.Pack(_folder["b.melo"], "--unsigned", "--preprocess", "sharpen"));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("half, imagenet", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        string[] arguments = bench.Pack(_folder["b.melo"], "--unsigned", "--rank", "4");
        arguments[Array.IndexOf(arguments, "--adapter") + 1] = _folder.Root;
        Assert.Equal(2, Packer.Run(arguments).ExitCode);
    }

    [Fact]
    public void PeftAdapterOnEveryLinear_GivesTheLogitsOfACheckpointWithTheSameWeightsAddedByHand()
    {
        // One model with an adapter on every linear; the other with s·B·A already in its weights, in double precision, and an adapter
        // that adds nothing. Same head, same probe input: the same logits, or a linear, a layout or a scale is wrong.
        RandomVit vit = new(5), merged = new(5);
        string peft = WritePeft(vit, merged);
        string package = _folder.Root + "/base-a", mergedPackage = _folder.Root + "/base-b";
        Packer.Done("base", "import", vit.WriteCheckpoint(_folder["a.safetensors"]), "--out", package, "--heads", "2", "--adapt", "all");
        Packer.Done("base", "import", merged.WriteCheckpoint(_folder["b.safetensors"]), "--out", mergedPackage, "--heads", "2");
        string[] common = ["--task", "t", "--labels", Workbench.Labels, "--unsigned", "--out"];
        Packer.Done(["pack", "--base", package, "--adapter", peft, .. common, _folder["a.melo"]]);
        Packer.Done(["pack", "--base", mergedPackage, "--adapter", vit.WriteLoraVit(_folder["zero_4_4.safetensors"], zeroB: true), .. common, _folder["b.melo"]]);
        Probe adapted = Bundle.OpenUnverified(_folder["a.melo"]).Probe, expected = Bundle.OpenUnverified(_folder["b.melo"]).Probe;
        Assert.Equal(expected.PixelValues, adapted.PixelValues);
        for (int i = 0; i < expected.Logits.Length; i++) Assert.Equal(expected.Logits[i], adapted.Logits[i], 1e-4f);

        // And it is the adapter that makes the difference.
        Packer.Done(["pack", "--base", package, "--adapter", _folder["zero_4_4.safetensors"], .. common, _folder["c.melo"]]);
        Assert.True(Bundle.OpenUnverified(_folder["c.melo"]).Probe.Logits.Zip(expected.Logits).Max(p => Math.Abs(p.First - p.Second)) > 0.05f);

        Packer.Refused("--adapt all", ["pack", "--base", bench.Base, "--adapter", peft, .. common, _folder["d.melo"]]);
    }

    public void Dispose() => _folder.Dispose();

    // rsLoRA, rank 4, alpha 3: the scale is 1.5. timm's names, the fused qkv among them.
    private string WritePeft(RandomVit vit, RandomVit merged)
    {
        const int rank = 4;
        const double scale = 1.5;
        Dictionary<string, (long[], float[])> tensors = [];
        for (int layer = 0; layer < RandomVit.Depth; layer++)
            foreach (string linear in (string[])["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"])
            {
                float[] weight = merged.Tensors[$"blocks.{layer}.{linear}.weight"].Values;
                long[] shape = merged.Tensors[$"blocks.{layer}.{linear}.weight"].Shape;
                (int outFeatures, int inFeatures) = ((int)shape[0], (int)shape[1]);
                float[] a = vit.Values(rank * inFeatures, 0.3f), b = vit.Values(outFeatures * rank, 0.3f);
                tensors[$"base_model.model.blocks.{layer}.{linear}.lora_A.weight"] = ([rank, inFeatures], a);
                tensors[$"base_model.model.blocks.{layer}.{linear}.lora_B.weight"] = ([outFeatures, rank], b);
                for (int o = 0; o < outFeatures; o++)
                    for (int i = 0; i < inFeatures; i++)
                    {
                        double sum = 0;
                        for (int k = 0; k < rank; k++) sum += (double)b[(o * rank) + k] * a[(k * inFeatures) + i];
                        weight[(o * inFeatures) + i] = (float)(weight[(o * inFeatures) + i] + (scale * sum));
                    }
            }
        tensors["base_model.model.head.weight"] = ([RandomVit.Classes, RandomVit.Dim], vit.Head);
        RandomVit.Write(_folder["peft", "adapter_model.safetensors"], tensors);
        const string config = """
            {"peft_type":"LORA","r":4,"lora_alpha":3,"use_rslora":true,"bias":"none","modules_to_save":["head"],"target_modules":["qkv","proj","fc1","fc2"]}
            """;
        File.WriteAllText(_folder["peft", "adapter_config.json"], config);
        return Path.GetDirectoryName(_folder["peft", "adapter_config.json"])!;
    }
}
