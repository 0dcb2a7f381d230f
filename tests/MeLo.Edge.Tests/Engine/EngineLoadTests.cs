using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Engine;

/// <summary>The weights are checked while the model is made resident: there is no engine unless all of it was right, and nothing is left where it was not.</summary>
public sealed class EngineLoadTests : IDisposable
{
    private readonly EngineFixture _fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Int8);
    private readonly TemporaryFolder _folder = new();

    public EngineLoadTests()
    {
        foreach (string file in Directory.GetFiles(_fixture.BaseFolder)) File.Copy(file, _folder["base", Path.GetFileName(file)]);
    }

    private string Base => _folder["base"];

    public void Dispose()
    {
        _folder.Dispose();
        _fixture.Dispose();
    }

    public static TheoryData<string, string, bool> Changes
    {
        get
        {
            TheoryData<string, string, bool> changes = [];
            foreach (bool quantized in (bool[])[false, true])
            {
                // Whichever graph is run, every file is what base.json says.
                changes.Add("model.fp32.onnx", "found model.fp32.onnx with SHA-256", quantized);
                changes.Add("model.int8.onnx", "found model.int8.onnx with SHA-256", quantized);
                changes.Add("weights.safetensors", "found weights with digest", quantized);
                changes.Add("weights.int8.safetensors", "found weights.int8.safetensors with SHA-256", quantized);
            }
            return changes;
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void FileThatWasChanged_IsRefused_AndNothingStaysInMemory(string file, string message, bool quantized)
    {
        Flip(file);
        Assert.Contains(message, Refused<ModelException>(quantized).Message, StringComparison.Ordinal);
        AssertNothingIsMapped();
        Flip(file); // and back
        using EdgeEngine engine = Load(quantized);
        if (OperatingSystem.IsLinux()) Assert.Contains(Base, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("graphs.0.sha256")]
    [InlineData("graphs.1.sha256")]
    [InlineData("graphs.1.weightsSha256")]
    [InlineData("digest")]
    public void HashThatWasChanged_IsRefused(string member)
    {
        string path = Path.Combine(Base, "base.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!, parent = root;
        string[] steps = member.Split('.');
        foreach (string step in steps[..^1]) parent = int.TryParse(step, out int i) ? parent[i]! : parent[step]!;
        string hash = parent[steps[^1]]!.GetValue<string>();
        parent[steps[^1]] = hash[..^1] + (hash[^1] == '0' ? '1' : '0');
        File.WriteAllText(path, root.ToJsonString());
        foreach (bool quantized in (bool[])[false, true]) Assert.Contains(hash, Refused<ModelException>(quantized).Message, StringComparison.Ordinal);
        AssertNothingIsMapped();
    }

    [Fact]
    public void WeightThatIsNotFinite_IsRefused()
    {
        string path = Path.Combine(Base, "weights.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        BitConverter.GetBytes(float.PositiveInfinity).CopyTo(bytes, bytes.Length - sizeof(float));
        File.WriteAllBytes(path, bytes);
        Assert.Contains("'position_embedding' holds a value that is not finite", Refused<ModelException>(quantized: true).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamageThatTheSessionFailsOnToo_IsReportedAsDamage()
    {
        string path = Path.Combine(Base, "weights.int8.safetensors");
        using (FileStream file = File.OpenWrite(path)) file.SetLength(file.Length / 2);
        // The runtime stumbles over it by itself: what is tested is that this is not what is said.
        using (OrtSessionOptions options = new()) Assert.Throws<OrtException>(() => OrtSession.Create(Path.Combine(Base, "model.int8.onnx"), options).Dispose());
        for (int i = 0; i < 10; i++)
            Assert.Contains("found weights.int8.safetensors with SHA-256", Refused<ModelException>(quantized: true).Message, StringComparison.Ordinal);
        File.Delete(path);
        Assert.Contains("found no weights.int8.safetensors", Refused<ModelException>(quantized: true).Message, StringComparison.Ordinal);
        AssertNothingIsMapped();
    }

    [Fact]
    public void SeveralFilesChanged_AlwaysNamesTheSame()
    {
        Flip("weights.int8.safetensors");
        Flip("weights.safetensors");
        for (int i = 0; i < 10; i++)
            Assert.Contains("found weights.int8.safetensors with SHA-256", Refused<ModelException>(quantized: i % 2 == 0).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelThatCannotBeMade_EndsTheCheckToo_AndFailsAsItself()
    {
        // Right by every hash, but base.json exposes other linears than the graph: only the session shows it.
        string path = Path.Combine(Base, "base.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!;
        root["adaptable"] = new JsonArray("query", "key", "value");
        File.WriteAllText(path, root.ToJsonString());
        Assert.Contains("key", Refused<EngineException>(quantized: true).Message, StringComparison.Ordinal);
        AssertNothingIsMapped();
    }

    [Fact]
    public void GraphOfOtherInputs_IsRefusedByTheLayoutOfItsWeights_NotTaskByTask()
    {
        // Right by every hash, but the int8 weights' inputs are called fp32 matrices.
        string json = Path.Combine(Base, "base.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(json))!;
        File.Copy(Path.Combine(Base, "model.fp32.onnx"), Path.Combine(Base, "model.int8.onnx"), overwrite: true);
        JsonNode graph = root["graphs"]!.AsArray().Single(g => g!["precision"]!.GetValue<string>() == "int8")!;
        graph["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Base, "model.int8.onnx"))));
        File.WriteAllText(json, root.ToJsonString());
        string message = Refused<EngineException>(quantized: true).Message;
        Assert.Matches(@"found a graph with the input 'layers\.0\.query\.weight' of F32 \[\d+,\d+\], expected U8 \[\d+,\d+\]", message);
        AssertNothingIsMapped();
    }

    [Fact]
    public void FailedLoads_LeaveNoExceptionUnobserved()
    {
        List<string> unobserved = [];
        void Note(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            if (e.Exception.ToString().Contains(Base, StringComparison.Ordinal)) lock (unobserved) unobserved.Add(e.Exception.ToString());
        }
        TaskScheduler.UnobservedTaskException += Note;
        try
        {
            // Two checks fail, and the session with them.
            Flip("weights.safetensors");
            using (FileStream file = File.OpenWrite(Path.Combine(Base, "weights.int8.safetensors"))) file.SetLength(100);
            for (int i = 0; i < 5; i++) Refused<ModelException>(quantized: true);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }
        Assert.Empty(unobserved);
    }

    [Fact]
    public async Task LoadsAtTheSameTime_DoNotDisturbEachOther()
    {
        string digest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Base, "base.json"), TestContext.Current.CancellationToken))!["digest"]!.GetValue<string>();
        EdgeEngine[] engines = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => Load(quantized: i % 2 == 0))));
        foreach (EdgeEngine engine in engines)
        {
            Assert.Equal(digest, engine.Base.Digest);
            engine.Dispose();
        }
    }

    [Fact]
    public void Loading_SaysWhatItsPartsTook()
    {
        using EdgeEngine engine = Load(quantized: true);
        LoadTiming loading = engine.Loading;
        double[] parts = [loading.OpenMilliseconds, loading.CheckMilliseconds, loading.PristineMilliseconds, loading.SessionMilliseconds];
        Assert.All(parts, part => Assert.InRange(part, double.Epsilon, loading.TotalMilliseconds));
        Assert.True(loading.TotalMilliseconds >= loading.OpenMilliseconds + Math.Max(loading.CheckMilliseconds, loading.PristineMilliseconds + loading.SessionMilliseconds));
    }

    private EdgeEngine Load(bool quantized) =>
        EdgeEngine.Load(Base, new EdgeEngineOptions { Threads = 1, Precision = quantized ? Precision.Int8 : Precision.Fp32 });

    private T Refused<T>(bool quantized)
        where T : Exception => Assert.Throws<T>(() => Load(quantized).Dispose());

    // The last byte of a file belongs to what its hash or digest covers; of a weight, the low bit of its exponent's byte keeps it finite.
    private void Flip(string file)
    {
        string path = Path.Combine(Base, file);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private void AssertNothingIsMapped()
    {
        if (OperatingSystem.IsLinux()) Assert.DoesNotContain(Base, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }
}
