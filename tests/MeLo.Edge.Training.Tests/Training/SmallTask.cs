using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Bases;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Tests.Training;

/// <summary>A task that a tiny Vision Transformer learns in seconds: what is to be seen somewhere on a gray ground: a bright square, a dark one, a line across or a line down.</summary>
internal sealed class SmallTask : IDisposable
{
    public const int ImageSize = 16;

    private readonly TemporaryFolder _folder = new();
    private readonly SafetensorsFile _weights;

    public SmallTask()
    {
        WeightsPath = _folder["weights.safetensors"];
        using (FileStream file = File.Create(WeightsPath)) RandomWeights.Write(file, Vit, seed: 5);
        _weights = SafetensorsFile.Open(WeightsPath);
    }

    public static VitArchitecture Vit { get; } = new() { ImageSize = ImageSize, PatchSize = 4, Dim = 32, Depth = 2, Heads = 2, MlpDim = 64 };

    public string WeightsPath { get; }

    /// <summary>What a test keeps.</summary>
    public string this[string name] => _folder[name];

    /// <summary>A task over samples of four classes, or with several of four labels each.</summary>
    public TrainingTask Of(TrainingSettings settings, int samples = 96, bool multiLabel = false, int? slices = null)
    {
        Spots spots = new(multiLabel, slices);
        Dataset dataset = Dataset.Of("spots", ["a", "b", "c", "d"], multiLabel, [.. Enumerable.Range(0, samples).Select(spots.Sample)], spots);
        PreprocessRecipe recipe = new(ResizeMode.Squash, ImageSize, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);
        return new TrainingTask(Vit, _weights, Path.GetDirectoryName(WeightsPath)!, "test", dataset, Splits.Of(dataset, new SplitOptions()), recipe, settings, new CpuProvider(), Threads: 2);
    }

    public void Dispose()
    {
        _weights.Dispose();
        _folder.Dispose();
    }

    private sealed class Spots(bool multiLabel, int? slices) : IPictures
    {
        public Sample Sample(int i)
        {
            float[] targets = new float[4];
            int bits = multiLabel ? i % 16 : 1 << (i % 4);
            for (int c = 0; c < 4; c++) targets[c] = (bits >> c) & 1;
            return new Sample($"{i}", targets, Patient: null, Part: null);
        }

        public string Kind => "spots";

        public VolumeRecipe? Volume { get; } = slices is { } count ? new VolumeRecipe(VolumeAxes.Axial, count, SliceAggregation.MeanLogits) : null;

        public IEnumerable<PixelBuffer> Read(int sample) => Enumerable.Range(0, slices ?? 1).Select(slice => Read(sample, slice));

        private PixelBuffer Read(int sample, int slice)
        {
            SplitMix64 random = new(SplitMix64.Seed((ulong)sample, (ulong)slice));
            byte[] pixels = new byte[ImageSize * ImageSize];
            for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(90 + random.Below(40));
            float[] targets = Sample(sample).Targets;
            for (int c = 0; c < 4; c++)
            {
                // Of a volume only some slices show it.
                if (targets[c] == 0 || (slices is not null && slice % 2 == 1)) continue;
                (int width, int height, int light) = c switch { 0 => (4, 4, 230), 1 => (4, 4, 0), 2 => (9, 2, 250), _ => (2, 9, 250) };
                int left = random.Below(ImageSize - width), top = random.Below(ImageSize - height);
                for (int y = top; y < top + height; y++)
                    for (int x = left; x < left + width; x++) pixels[(y * ImageSize) + x] = (byte)light;
            }
            return PixelBuffer.FromBytes(ImageSize, ImageSize, 1, pixels);
        }
    }
}
