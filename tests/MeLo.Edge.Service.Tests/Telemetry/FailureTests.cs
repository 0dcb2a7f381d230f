using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Telemetry;

namespace MeLo.Edge.Tests.Telemetry;

public sealed class FailureTests
{
    [Fact]
    public void WhatTheRuntimeSays_IsTold_WithoutTheFoldersItNames()
    {
        using TemporaryFolder folder = new();
        using Installation installation = new(folder["Doe, Jane"], withTasks: false);
        Replace(installation.Data.Base, "fp32", _ => "no model"u8.ToArray());
        OrtException e = Assert.Throws<OrtException>(() => EdgeEngine.Load(installation.Data.Base).Dispose());
        Assert.Contains("Doe, Jane", e.Message, StringComparison.Ordinal);
        string told = Failure.Describe(new InvalidOperationException("secret", e));
        Assert.StartsWith("InvalidOperationException <- OrtException: ONNX Runtime: ", told, StringComparison.Ordinal);
        Assert.Contains("model.fp32.onnx failed", told, StringComparison.Ordinal);
        Assert.DoesNotContain("Doe", told, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", told, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherMessages_AreNotTold()
    {
        ImageException image = Assert.Throws<ImageException>(() => RasterDecoder.Decode("no image"u8.ToArray()));
        Assert.Equal("ImageException", Failure.Describe(image));
        Assert.Equal("FileNotFoundException 0x80070002", Failure.Describe(new FileNotFoundException("no /home/jane.png")));
        Assert.Equal("InvalidOperationException", Failure.Describe(new InvalidOperationException("jane.png")));
    }

    [Fact]
    public void GraphThatLoadsButCannotRun_HindersItsTask_AndTheReasonIsLogged()
    {
        using Installation installation = new(withTasks: false, everyPrecision: true);
        try
        {
            EdgeEngine.Load(installation.Data.Base, new EdgeEngineOptions { Precision = Precision.Int8 }).Dispose();
        }
        catch (EngineException e) when (e.Fault == EngineFault.InvalidOptions)
        {
            Assert.Skip(e.Message);
        }
        Replace(installation.Data.Base, "int8", graph =>
        {
            graph[graph.AsSpan().IndexOf("heads\x18"u8) + 6] = 5; // the attribute's name, then its value
            return graph;
        });
        DemoTask task = DemoTask.All[0];
        installation.AddBundle("tb", Installation.Bundle(task, 1, d => d with { Tolerance = new ProbeTolerance(1e-3, 0.25) }));
        installation.Drop(task.Name, "x.png", Installation.Picture(1));
        (int code, _, string errors) = ServiceProcess.Once(installation.Data.Root, [("MELO__Precision", "int8")]);
        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Contains($"task {task.Name} cannot be activated: OrtException: ", errors, StringComparison.Ordinal);
        Assert.Contains("found 5 heads, expected a number that divides", errors, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(installation.Data.Bundles, "*.melo")); // it is not the bundle's fault
    }

    // Another graph, whose hash base.json says.
    private static void Replace(string folder, string precision, Func<byte[], byte[]> change)
    {
        string path = Path.Combine(folder, $"model.{precision}.onnx"), json = Path.Combine(folder, "base.json");
        byte[] graph = change(File.ReadAllBytes(path));
        File.WriteAllBytes(path, graph);
        JsonNode root = JsonNode.Parse(File.ReadAllText(json))!;
        root["graphs"]!.AsArray().Single(g => g!["precision"]!.GetValue<string>() == precision)!["sha256"] = Convert.ToHexStringLower(SHA256.HashData(graph));
        File.WriteAllText(json, root.ToJsonString());
    }
}
