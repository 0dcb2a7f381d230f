namespace MeLo.Edge.Service.Demo;

/// <summary>A generated picture before it becomes a file: 16-bit samples, row-major, one (gray) or three (red, green, blue) a pixel.</summary>
internal sealed record DemoImage(int Width, int Height, int Channels, ushort[] Samples)
{
    public byte Byte(int x, int y, int channel) => (byte)(Word(x, y, channel) >> 8);

    public ushort Word(int x, int y, int channel) => Samples[(((y * Width) + x) * Channels) + Math.Min(channel, Channels - 1)];

    /// <summary>
    /// A picture that looks a little like one of the task's: soft structures on a dark field, the same for the same seed. There is nothing
    /// clinical in it.
    /// </summary>
    public static DemoImage Generate(int seed, int width, int height, bool colour)
    {
        Random random = new(seed);
        int channels = colour ? 3 : 1;
        double ground = 0.6 * random.NextDouble(), slope = random.NextDouble() - 0.5, grain = 0.3 * random.NextDouble();
        (double X, double Y, double Radius, double Light, double[] Tint)[] blobs = new (double, double, double, double, double[])[1 + random.Next(16)];
        for (int i = 0; i < blobs.Length; i++)
        {
            double[] tint = [1, colour ? random.NextDouble() : 1, colour ? 0.3 + random.NextDouble() : 1];
            blobs[i] = (random.NextDouble() * width, random.NextDouble() * height, (0.04 + (0.2 * random.NextDouble())) * width, random.NextDouble() - 0.3, tint);
        }
        ushort[] samples = new ushort[width * height * channels];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                for (int c = 0; c < channels; c++)
                {
                    double light = ground + (slope * y / height) + (grain * random.NextDouble());
                    foreach ((double bx, double by, double radius, double strength, double[] tint) in blobs)
                    {
                        double distance = (((x - bx) * (x - bx)) + ((y - by) * (y - by))) / (radius * radius);
                        light += strength * tint[c] * Math.Exp(-distance);
                    }
                    samples[(((y * width) + x) * channels) + c] = (ushort)(Math.Clamp(light, 0, 1) * ushort.MaxValue);
                }
            }
        }
        return new DemoImage(width, height, channels, samples);
    }
}
