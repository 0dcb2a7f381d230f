using System.Text;
using System.Text.Json.Nodes;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Bundles;

public sealed class AdapterDescriptionTests
{
    /// <summary>The example of docs/bundle-format.md, with its placeholders filled in.</summary>
    private static readonly string s_example = """
        { "schema": "melo.adapter/1", "task": "tuberculosis", "release": 3, "title": "SZ Chest X-ray",
          "base": "sha256:DIGEST", "architecture": "vit_base_patch16_224",
          "lora": { "rank": 4, "alpha": 4, "scale": 1.0, "targets": ["query", "value"], "source": "lora-vit" },
          "head": { "labels": ["normal", "tuberculosis"], "activation": "softmax", "biasSource": "zero" },
          "input": { "kind": "image", "preprocess": { "resize": "squash", "size": 224, "interpolation": "bicubic",
                     "mean": [0.5,0.5,0.5], "std": [0.5,0.5,0.5] } },
          "tolerance": { "fp32": 1e-3, "int8": 0.15 },
          "card": { "task": "Tuberculosis Diagnosis", "dataset": { "description": "662 radiographs", "samples": { "train": 460, "validation": 100, "test": 102 } },
                    "training": { "learningRate": "3e-3, cosine", "epochs": 100 }, "metrics": { "auc": 0.97 }, "intendedUse": "research", "licence": "CC BY 4.0" },
          "created": "2026-01-31T10:20:30Z", "expires": null }
        """.Replace("DIGEST", new string('0', 64), StringComparison.Ordinal);

    [Fact]
    public void TrainingSettingsOfACard_AreKept()
    {
        string text = s_example.Replace("\"epochs\": 100 }", "\"epochs\": 100, \"settings\": { \"rank\": \"4\", \"batch\": \"32\" } }", StringComparison.Ordinal);
        AdapterDescription description = Parse(text);
        Assert.Equal(new Dictionary<string, string> { ["rank"] = "4", ["batch"] = "32" }, description.Card!.Training!.Settings);
        AdapterDescription written = Parse(Encoding.UTF8.GetString(AdapterDescriptionWriter.Write(description)));
        Assert.Equal(description.Card.Training.Settings, written.Card!.Training!.Settings);
        Assert.Contains("$.card.training.settings.rank", Assert.Throws<BundleException>(() => Parse(text.Replace("\"rank\": \"4\"", "\"rank\": 4", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Example_IsReadInFull()
    {
        AdapterDescription description = Parse(s_example);
        Assert.Equal("tuberculosis", description.Task);
        Assert.Equal(3, description.Release);
        Assert.Equal("SZ Chest X-ray", description.Title);
        Assert.Equal("sha256:" + new string('0', 64), description.Base);
        Assert.Equal("vit_base_patch16_224", description.Architecture);
        Assert.Equal((4, 4.0, 1.0, "lora-vit"), (description.Lora.Rank, description.Lora.Alpha, description.Lora.Scale, description.Lora.Source));
        Assert.Equal([VitLinear.Query, VitLinear.Value], description.Lora.Targets);
        Assert.Equal(["normal", "tuberculosis"], description.Head.Labels);
        Assert.Equal((HeadActivation.Softmax, "zero"), (description.Head.Activation, description.Head.BiasSource));
        Assert.Equal(PreprocessRecipe.Half, description.Input.Preprocess);
        Assert.Equal(new ProbeTolerance(1e-3, 0.15), description.Tolerance);
        Assert.Equal(new CardSamples(460, 100, 102), description.Card!.Dataset!.Samples);
        Assert.Equal(("3e-3, cosine", 100), (description.Card.Training!.LearningRate, description.Card.Training.Epochs));
        Assert.Empty(description.Card.Training.Settings);
        Assert.Equal(0.97, description.Card.Metrics["auc"]);
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 10, 20, 30, TimeSpan.Zero), description.Created);
        Assert.Null(description.Expires);
        Assert.Null(description.Precision);
    }

    [Fact]
    public void DemandForFp32_IsReadAndWritten_BesideAnyTolerance()
    {
        string demanding = s_example.Replace("\"expires\"", "\"precision\": \"fp32\", \"expires\"", StringComparison.Ordinal);
        AdapterDescription description = Parse(demanding);
        Assert.Equal((Precision.Fp32, 0.15), (description.Precision, description.Tolerance.Int8));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(demanding), JsonNode.Parse(description.ToJson())));
    }

    [Fact]
    public void DemandThatNoReaderKnows_IsNotWritten() =>
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => BundleWriter.Write(
            TestBundles.Description with { Precision = Precision.Int8 }, TestBundles.Adapter(), TestBundles.Probe(), preview: null, key: null),
            "$.precision: found 'int8', expected 'fp32'");

    [Fact]
    public void WrittenAndRead_IsTheSame()
    {
        string written = Encoding.UTF8.GetString(Parse(s_example).ToJson());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(s_example), JsonNode.Parse(written)), written);
        Assert.Equal(written, Encoding.UTF8.GetString(Parse(written).ToJson()));
    }

    [Fact]
    public void EverythingOptional_IsWrittenAndRead()
    {
        AdapterDescription description = TestBundles.Description with
        {
            Title = "Röntgen 胸部 \"quoted\"",
            Head = new HeadDescription(["a", "β"], HeadActivation.Sigmoid, "file"),
            Input = new InputDescription(new PreprocessRecipe(ResizeMode.ShortestSide, 224, Interpolation.Bilinear,
                [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f], shortestSide: 256, honourOrientation: true)),
            Tolerance = new ProbeTolerance(1e-4, null, 0.01),
            Precision = Precision.Fp32,
            Card = new ModelCard { Dataset = new CardDataset(null, null), Metrics = new Dictionary<string, double> { ["b"] = 2, ["a"] = 0.1 } },
            Created = new DateTimeOffset(2026, 1, 31, 12, 20, 30, 250, TimeSpan.FromHours(2)),
            Expires = new DateTimeOffset(2027, 1, 31, 0, 0, 0, TimeSpan.Zero),
        };
        AdapterDescription read = AdapterDescription.Parse(description.ToJson(), "adapter.json");
        Assert.Equal(description.ToJson(), read.ToJson());
        Assert.Equal(description.Input.Preprocess, read.Input.Preprocess);
        Assert.Equal(description.Created, read.Created);
        Assert.Equal(Precision.Fp32, read.Precision);
        Assert.Contains("Röntgen 胸部", Encoding.UTF8.GetString(description.ToJson()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"voi":"file"}""", "file")]
    [InlineData("""{"voi":"range"}""", "range")]
    [InlineData("""{"voi":"named","name":"BONE"}""", "named:BONE")]
    [InlineData("""{"voi":"percentile","low":0.5,"high":99}""", "percentile:0.5,99")]
    [InlineData("""{"voi":"window","center":-600,"width":1500,"function":"linear"}""", "window:-600,1500,linear")]
    [InlineData("""{"voi":"window","center":0.5,"width":0.25,"function":"linear-exact"}""", "window:0.5,0.25,linear-exact")]
    [InlineData("""{"voi":"window","center":40,"width":400,"function":"sigmoid"}""", "window:40,400,sigmoid")]
    public void DicomValues_AreReadAndWritten(string json, string text)
    {
        JsonObject example = JsonNode.Parse(s_example)!.AsObject();
        example["input"]!["dicom"] = JsonNode.Parse(json);
        AdapterDescription description = Parse(example.ToJsonString());
        Assert.Equal(text, description.Input.Dicom!.ToString());
        Assert.True(JsonNode.DeepEquals(example, JsonNode.Parse(description.ToJson())));
        Assert.NotEqual(Parse(s_example).Input, description.Input);
    }

    [Theory]
    [InlineData("""{}""", "$.input.dicom.voi: is missing")]
    [InlineData("""{"voi":"lung"}""", "$.input.dicom.voi: found 'lung'")]
    [InlineData("""{"voi":"file","center":1}""", "$.input.dicom.center")]
    [InlineData("""{"voi":"named","name":""}""", "$.input.dicom")]
    [InlineData("""{"voi":"percentile","low":99,"high":1}""", "ascending order")]
    [InlineData("""{"voi":"window","center":0,"width":0.5}""", "width of 1 or more")]
    [InlineData("""{"voi":"window","center":0,"width":-1,"function":"sigmoid"}""", "width above 0")]
    public void DicomValuesThatMakeNoSense_AreRefused(string json, string reason)
    {
        JsonObject example = JsonNode.Parse(s_example)!.AsObject();
        example["input"]!["dicom"] = JsonNode.Parse(json);
        Refused(example.ToJsonString(), reason);
    }

    [Fact]
    public void EveryMemberMissing_IsNamed()
    {
        JsonObject example = JsonNode.Parse(s_example)!.AsObject();
        foreach (string path in Members(example, "$"))
        {
            JsonObject copy = JsonNode.Parse(s_example)!.AsObject();
            (JsonObject parent, string name) = Locate(copy, path);
            if (path is "$.tolerance.int8" or "$.card.metrics.auc") continue; // the two that may be missing
            parent.Remove(name);
            Refused(copy.ToJsonString(), $"{path}: is missing");
        }
    }

    [Fact]
    public void EveryMemberOfAnotherType_IsNamed()
    {
        string[] others = ["true", "[[]]", "{\"x\":[]}", "\"\\ud800\"", "1e999"];
        foreach (string path in Members(JsonNode.Parse(s_example)!.AsObject(), "$"))
        {
            foreach (string other in others)
            {
                // As text: the DOM knows neither 1e999 nor half a surrogate.
                JsonObject copy = JsonNode.Parse(s_example)!.AsObject();
                (JsonObject parent, string name) = Locate(copy, path);
                parent[name] = "REPLACED";
                Refused(copy.ToJsonString().Replace("\"REPLACED\"", other, StringComparison.Ordinal), path);
            }
        }
    }

    [Fact]
    public void EveryObjectWithAnUnknownMember_IsRefused()
    {
        foreach (string path in Members(JsonNode.Parse(s_example)!.AsObject(), "$").Append("$"))
        {
            JsonObject copy = JsonNode.Parse(s_example)!.AsObject();
            JsonNode? node = path == "$" ? copy : copy.Pick(path);
            if (node is not JsonObject container || path == "$.card.metrics") continue;
            container["extra"] = 1;
            Refused(copy.ToJsonString(), $"{path}.extra: is unknown");
        }
    }

    [Theory]
    [InlineData("\"release\": 3", "\"release\": 3, \"release\": 3", "$.release: appears twice")]
    [InlineData("\"auc\": 0.97", "\"auc\": 0.97, \"auc\": 0.98", "$.card.metrics.auc: appears twice")]
    [InlineData("\"rank\": 4", "\"rank\": 4, \"r\\u0061nk\": 5", "$.lora.rank: appears twice")]
    [InlineData("melo.adapter/1", "melo.adapter/2", "$.schema: found 'melo.adapter/2', expected 'melo.adapter/1'")]
    [InlineData("\"tuberculosis\", \"release\"", "\"Tuberculosis\", \"release\"", "$.task: expected")]
    [InlineData("\"tuberculosis\", \"release\"", "\"../x\", \"release\"", "$.task: expected")]
    [InlineData("\"tuberculosis\", \"release\"", "\".x\", \"release\"", "$.task: expected")]
    [InlineData("\"tuberculosis\", \"release\"", "\"x\\n\", \"release\"", "$.task: expected")]
    [InlineData("\"release\": 3", "\"release\": 0", "$.release: expected a whole number from 1")]
    [InlineData("\"release\": 3", "\"release\": 3.5", "$.release: expected a whole number")]
    [InlineData("\"release\": 3", "\"release\": 99999999999999999999", "$.release: expected a whole number")]
    [InlineData("\"release\": 3", "\"release\": \"3\"", "$.release: found a string, expected a whole number")]
    [InlineData("SZ Chest X-ray", "", "$.title: expected a text")]
    [InlineData("SZ Chest X-ray", "a\\nb", "$.title: expected a text")]
    [InlineData("SZ Chest X-ray", "\\ud800", "$.title: found a string that is not Unicode text")]
    [InlineData("sha256:0", "sha256:A", "$.base: expected 'sha256:'")]
    [InlineData("sha256:0", "sha512:0", "$.base: expected 'sha256:'")]
    [InlineData("sha256:0", "sha256:00", "$.base: expected 'sha256:'")]
    [InlineData("\"scale\": 1.0", "\"scale\": 0", "$.lora.scale: expected a finite number other than 0")]
    [InlineData("\"scale\": 1.0", "\"scale\": 1e-60", "$.lora.scale: expected a finite number other than 0")]
    [InlineData("\"scale\": 1.0", "\"scale\": 1e60", "$.lora.scale: expected a finite number")]
    [InlineData("\"scale\": 1.0", "\"scale\": 1e999", "$.lora.scale: expected a finite number")]
    [InlineData("\"scale\": 1.0", "\"scale\": NaN", "$: is not JSON")]
    [InlineData("\"query\", \"value\"", "\"query\", \"mlp\"", "$.lora.targets[1]: found 'mlp', expected one of query, key, value, output, fc1, fc2")]
    [InlineData("\"query\", \"value\"", "\"query\", \"query\"", "$.lora.targets[1]: 'query' appears twice")]
    [InlineData("\"query\", \"value\"", "", "$.lora.targets: expected at least one")]
    [InlineData("\"query\", \"value\"", "1", "$.lora.targets[0]: found a number, expected a string")]
    [InlineData("\"normal\", \"tuberculosis\"", "\"normal\", \"normal\"", "$.head.labels[1]: 'normal' appears twice")]
    [InlineData("\"normal\", \"tuberculosis\"", "\"normal\", \"\"", "$.head.labels[1]: expected a text")]
    [InlineData("\"normal\", \"tuberculosis\"", "\"normal\", \" \"", "$.head.labels[1]: expected a text")]
    [InlineData("\"normal\", \"tuberculosis\"", "\"normal\", \"a\\u001b[2J\"", "$.head.labels[1]: expected a text")]
    [InlineData("\"normal\", \"tuberculosis\"", "\"normal\", \"\\u202elamron\"", "$.head.labels[1]: expected a text")]
    [InlineData("\"normal\", \"tuberculosis\"", "", "$.head.labels: expected at least one")]
    [InlineData("softmax", "relu", "$.head.activation: found 'relu', expected 'softmax' or 'sigmoid'")]
    [InlineData("\"zero\"", "\"none\"", "$.head.biasSource: found 'none', expected 'zero' or 'file' or 'adapter'")]
    [InlineData("\"image\"", "\"film\"", "$.input.kind: found 'film', expected 'image' or 'volume'")]
    [InlineData("\"image\"", "\"volume\"", "$.input.volume: is missing")]
    [InlineData("\"squash\"", "\"crop\"", "$.input.preprocess.resize: found 'crop', expected 'squash' or 'shortest'")]
    [InlineData("\"squash\"", "\"shortest\"", "$.input.preprocess: preprocessing recipe: found no shortest side")]
    [InlineData("\"squash\"", "\"squash\", \"shortestSide\": 256", "$.input.preprocess: preprocessing recipe: found shortest side 256")]
    [InlineData("\"squash\"", "\"squash\", \"orientation\": \"raw\"", "$.input.preprocess.orientation: found 'raw', expected 'exif'")]
    [InlineData("\"size\": 224", "\"size\": 0", "$.input.preprocess.size: expected a whole number from 1")]
    [InlineData("\"mean\": [0.5,0.5,0.5]", "\"mean\": [0.5,0.5]", "$.input.preprocess: preprocessing recipe: found mean")]
    [InlineData("\"std\": [0.5,0.5,0.5]", "\"std\": [0.5,0.5,0]", "$.input.preprocess: preprocessing recipe: found std")]
    [InlineData("\"std\": [0.5,0.5,0.5]", "\"std\": [0.5,0.5,1e300]", "$.input.preprocess: preprocessing recipe: found std")]
    [InlineData("1e-3", "0", "$.tolerance.fp32: expected a positive number")]
    [InlineData("0.15", "-0.15", "$.tolerance.int8: expected a positive number")]
    [InlineData("\"expires\"", "\"precision\": \"int8\", \"expires\"", "$.precision: found 'int8', expected 'fp32'")]
    [InlineData("\"expires\"", "\"precision\": \"FP32\", \"expires\"", "$.precision: found 'FP32', expected 'fp32'")]
    [InlineData("\"expires\"", "\"precision\": \"fp32\\u0000\", \"expires\"", "$.precision: found 'fp32")]
    [InlineData("\"expires\"", "\"precision\": \"\", \"expires\"", "$.precision: found '', expected 'fp32'")]
    [InlineData("\"expires\"", "\"precision\": \"\\ud800\", \"expires\"", "$.precision: found a string that is not Unicode text")]
    [InlineData("\"expires\"", "\"precision\": null, \"expires\"", "$.precision: found null, expected a string")]
    [InlineData("\"expires\"", "\"precision\": [\"fp32\"], \"expires\"", "$.precision: found an array, expected a string")]
    [InlineData("\"expires\"", "\"precision\": \"fp32\", \"precision\": \"fp32\", \"expires\"", "$.precision: appears twice")]
    [InlineData("\"fp32\": 1e-3", "\"fp32\": 1e-3, \"precision\": \"fp32\"", "$.tolerance.precision: is unknown")]
    [InlineData("\"expires\"", "\"Precision\": \"fp32\", \"expires\"", "$.Precision: is unknown")]
    [InlineData("\"epochs\": 100", "\"epochs\": -1", "$.card.training.epochs: expected a whole number from 0")]
    [InlineData("2026-01-31T10:20:30Z", "2026-01-31", "$.created: expected an ISO 8601 time")]
    [InlineData("2026-01-31T10:20:30Z", "2026-01-31T10:20:30", "$.created: expected an ISO 8601 time")]
    [InlineData("2026-01-31T10:20:30Z", "2026-02-31T10:20:30Z", "$.created: expected an ISO 8601 time")]
    [InlineData("2026-01-31T10:20:30Z", "31/01/2026 10:20", "$.created: expected an ISO 8601 time")]
    [InlineData("\"expires\": null", "\"expires\": \"soon\"", "$.expires: expected an ISO 8601 time")]
    [InlineData("\"expires\": null", "\"expires\": \"2026-01-31T10:20:30Z\"", "$.expires: expected a time after created")]
    [InlineData("\"card\": {", "\"card\": [], \"cord\": {", "$.card: found an array, expected an object")]
    public void Fault_IsNamedWithItsPath(string from, string to, string message)
    {
        Assert.Contains(from, s_example, StringComparison.Ordinal);
        Refused(s_example.Replace(from, to, StringComparison.Ordinal), message);
    }

    [Fact]
    public void SeveralFaults_AreAllReported()
    {
        string broken = s_example.Replace("\"release\": 3", "\"release\": 0", StringComparison.Ordinal).Replace("softmax", "relu", StringComparison.Ordinal).Replace("\"licence\"", "\"license\"", StringComparison.Ordinal);
        BundleException refused = Refused(broken, "$.release");
        Assert.All((string[])["$.head.activation", "$.card.licence: is missing", "$.card.license: is unknown"], f => Assert.Contains(f, refused.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}{}")]
    [InlineData("{\"schema\":\"melo.adapter/1\",}")]
    [InlineData("{/* comment */}")]
    [InlineData("\uFEFF{}")]
    public void OtherDocuments_AreRefused(string document) => Refused(document, "$");

    [Fact]
    public void DeepNesting_IsRefused()
    {
        Refused(string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), "nests more than 16 deep");
        Refused(s_example.Replace("0.97", new string('[', 20) + new string(']', 20), StringComparison.Ordinal), "nests more than 16 deep");
    }

    [Fact]
    public void InvalidUtf8_IsRefused()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(s_example);
        bytes[Array.IndexOf(bytes, (byte)'S')] = 0xFF;
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => AdapterDescription.Parse(bytes, "adapter.json"), "is not UTF-8");
    }

    [Fact]
    public void ThousandsOfFaults_GiveAShortMessage()
    {
        string members = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"\"x{i}\":1,"));
        Assert.InRange(Refused(s_example.Replace("{ \"schema\"", "{" + members + "\"schema\"", StringComparison.Ordinal), "and 9980 more").Message.Length, 1, 2000);
    }

    [Theory]
    [InlineData("tuberculosis", true)]
    [InlineData("9-a.b_c", true)]
    [InlineData("a", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData("A", false)]
    [InlineData("a/b", false)]
    [InlineData("a\n", false)]
    [InlineData("ä", false)]
    public void TaskName_IsWhatTheProductSays(string name, bool expected) => Assert.Equal(expected, AdapterDescription.IsTaskName(name));

    [Fact]
    public void TaskName_HasAtMost63Characters()
    {
        Assert.True(AdapterDescription.IsTaskName(new string('a', 63)));
        Assert.False(AdapterDescription.IsTaskName(new string('a', 64)));
    }

    [Fact]
    public void CardOnItsOwn_IsRead()
    {
        byte[] card = Encoding.UTF8.GetBytes(JsonNode.Parse(s_example)!["card"]!.ToJsonString());
        Assert.Equal("research", ModelCard.Parse(card, "card.json").IntendedUse);
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => ModelCard.Parse("{}"u8.ToArray(), "card.json"), "card.json: $.task: is missing");
    }

    [Fact]
    public void RecipeOnItsOwn_IsRead()
    {
        byte[] recipe = Encoding.UTF8.GetBytes(JsonNode.Parse(s_example)!["input"]!["preprocess"]!.ToJsonString());
        Assert.Equal(PreprocessRecipe.Half, PreprocessRecipeJson.Parse(recipe, "recipe"));
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => PreprocessRecipeJson.Parse("{}"u8.ToArray(), "recipe"), "recipe: $.resize: is missing");
    }

    private static AdapterDescription Parse(string json) => AdapterDescription.Parse(Encoding.UTF8.GetBytes(json), "adapter.json");

    private static BundleException Refused(string json, string message) =>
        TestBundles.Refused(BundleRefusal.InvalidDescription, () => Parse(json), message);

    private static IEnumerable<string> Members(JsonObject node, string path)
    {
        foreach ((string name, JsonNode? value) in node)
        {
            yield return $"{path}.{name}";
            if (value is not JsonObject child) continue;
            foreach (string member in Members(child, $"{path}.{name}")) yield return member;
        }
    }

    private static (JsonObject Parent, string Name) Locate(JsonObject root, string path)
    {
        int dot = path.LastIndexOf('.');
        return ((JsonObject)root.Pick(path[..dot]), path[(dot + 1)..]);
    }
}

internal static class JsonPaths
{
    public static JsonNode Pick(this JsonObject root, string path) =>
        path.Split('.').Skip(1).Aggregate((JsonNode)root, (node, name) => node[name] ?? JsonValue.Create("null")!);
}
