using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Tests.Gradients;

namespace MeLo.Edge.Training.Tests.Graphs;

/// <summary>Steps on a WebGPU device: the graphs are made of operators that any provider has.</summary>
public sealed class TrainingWebGpuTests
{
    private static readonly VitArchitecture s_micro = new() { ImageSize = 16, PatchSize = 8, Dim = 32, Depth = 2, Heads = 2, MlpDim = 64 };

    [Theory]
    [InlineData(TrainingMode.Lora, false, 1)]
    [InlineData(TrainingMode.Full, true, 2)]
    public void Step_GivesTheGradientsOfTheHost(TrainingMode mode, bool labels, int slices)
    {
        VulkanDriver.Require();
        using TrainingBase origin = TrainingBase.Random(s_micro);
        TrainingGraphOptions options = new()
        {
            Mode = mode, Targets = VitLinears.All, Classes = 3, Loss = labels ? LossKind.BinaryCrossEntropy : LossKind.CrossEntropy, Slices = slices,
        };
        TrainingGraph graph = origin.Graph(options);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, options, batch: 2);
        using RuntimeGraph host = new(graph.Step, origin.Folder), device = new(graph.Step, origin.Folder, new WebGpuProvider());
        // Of [batch, classes], and without a kernel there.
        Assert.Equal(labels ? [] : ["LogSoftmax"], device.OperatorsOnHost);
        Dictionary<string, float[]> expected = host.Run(inputs), found = device.Run(inputs);
        foreach (string name in expected.Keys.Where(n => !n.EndsWith("key.bias.gradient", StringComparison.Ordinal))) // zero but for rounding
            GradientAssert.AreClose(name, [.. expected[name].Select(v => (double)v)], found[name], 1e-3);
    }
}
