using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Bases;

namespace MeLo.Edge.Training.Tests.Bases;

public sealed class RandomWeightsTests : IDisposable
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 32, PatchSize = 8, Dim = 48, Depth = 2, Heads = 3, MlpDim = 96 };

    private readonly TemporaryFolder _folder = new();
    private readonly SafetensorsFile _weights;

    public RandomWeightsTests()
    {
        using (FileStream file = File.Create(_folder["weights.safetensors"])) RandomWeights.Write(file, s_vit, seed: 4);
        _weights = SafetensorsFile.Open(_folder["weights.safetensors"]);
    }

    public void Dispose()
    {
        _weights.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Attention_BeginsAsATrainedModelsLooks()
    {
        for (int layer = 0; layer < s_vit.Depth; layer++)
        {
            // Query times key transposed, and value times output: what is on the diagonal against what is beside it.
            Assert.InRange(Lean(Product(Of(layer, VitLinear.Query), Of(layer, VitLinear.Key), isTransposed: true)), 5, 100);
            Assert.InRange(Lean(Product(Of(layer, VitLinear.Value), Of(layer, VitLinear.Output), isTransposed: false)), -100, -5);
        }
    }

    [Fact]
    public void Positions_OfNeighboursAreMoreAlikeThanThoseFarApart()
    {
        float[] positions = _weights[CanonicalWeights.PositionEmbedding].ToSingles();
        Assert.All(positions[..s_vit.Dim], v => Assert.Equal(0, v)); // the class token's
        Assert.True(Alike(0, 1) > Alike(0, 3) && Alike(0, 4) > Alike(0, 12) && Alike(0, 1) > Alike(0, 15));

        double Alike(int one, int other) => Enumerable.Range(0, s_vit.Dim).Sum(i => (double)positions[((1 + one) * s_vit.Dim) + i] * positions[((1 + other) * s_vit.Dim) + i]);
    }

    private float[] Of(int layer, VitLinear linear) => _weights[CanonicalWeights.LinearWeight(new LinearId(layer, linear))].ToSingles();

    // [in, out] each.
    private static double[,] Product(float[] one, float[] other, bool isTransposed)
    {
        int dim = s_vit.Dim;
        double[,] product = new double[dim, dim];
        for (int r = 0; r < dim; r++)
            for (int c = 0; c < dim; c++)
                for (int k = 0; k < dim; k++) product[r, c] += one[(r * dim) + k] * (isTransposed ? other[(c * dim) + k] : other[(k * dim) + c]);
        return product;
    }

    // The mean of the diagonal over the deviation of the rest.
    private static double Lean(double[,] matrix)
    {
        double diagonal = 0, squares = 0;
        int dim = matrix.GetLength(0);
        for (int r = 0; r < dim; r++)
            for (int c = 0; c < dim; c++)
                if (r == c) diagonal += matrix[r, c] / dim;
                else squares += matrix[r, c] * matrix[r, c] / (dim * (dim - 1));
        return diagonal / Math.Sqrt(squares);
    }
}
