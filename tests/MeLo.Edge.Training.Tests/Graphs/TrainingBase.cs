using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Tests.Gradients;

namespace MeLo.Edge.Training.Tests.Graphs;

/// <summary>An imported base in a temporary folder, and numbers for the inputs of its training graphs.</summary>
internal sealed class TrainingBase : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly BasePackage _package;

    private TrainingBase(Func<TemporaryFolder, string> checkpoint, int heads)
    {
        BaseImport.Import(checkpoint(_folder), _folder["base"], new BaseImportOptions { Heads = heads }, null, TestContext.Current.CancellationToken);
        _package = BasePackage.Open(_folder["base"]);
    }

    public static TrainingBase Of(string checkpoint, int heads) => new(_ => checkpoint, heads);

    public static TrainingBase Random(VitArchitecture vit) => new(
        folder =>
        {
            RandomCheckpoint.Write(folder["checkpoint.safetensors"], vit);
            return folder["checkpoint.safetensors"];
        },
        vit.Heads);

    public VitArchitecture Architecture => _package.Architecture;

    public SafetensorsFile Weights => _package.Weights;

    public string Folder => _package.Folder;

    public TrainingGraph Graph(TrainingGraphOptions options) => TrainingGraph.Build(Architecture, Weights, options);

    /// <summary>Random pixels, weights of the loss and parameters; where the base learns, its own weights.</summary>
    public Dictionary<string, DoubleTensor> Inputs(TrainingGraph graph, TrainingGraphOptions options, int batch)
    {
        Random random = new(3);
        int images = batch * options.Slices, size = Architecture.ImageSize;
        Dictionary<string, DoubleTensor> inputs = new()
        {
            [VitGraph.PixelValues] = DoubleTensor.Random(random, images, 3, size, size),
            [TrainingGraph.FeaturesName] = DoubleTensor.Random(random, images, Architecture.Dim),
            [TrainingGraph.PositiveWeights] = DoubleTensor.Random(random, batch, options.Classes).Map(v => (v + 1.1) / batch),
            [TrainingGraph.NegativeWeights] = DoubleTensor.Random(random, batch, options.Classes).Map(v => (v + 1.1) / batch),
        };
        foreach (Parameter parameter in graph.Parameters)
        {
            int[] shape = [.. parameter.Shape.Select(s => (int)s)];
            inputs[parameter.Name] = Weights.Tensors.ContainsKey(parameter.Name)
                ? new DoubleTensor(shape, [.. Weights[parameter.Name].ToSingles().Select(v => (double)v)])
                : DoubleTensor.Random(random, shape).Map(v => v / 2);
        }
        return inputs;
    }

    public void Dispose()
    {
        _package.Dispose();
        _folder.Dispose();
    }
}
