namespace MeLo.Edge.Phantoms;

/// <summary>A picture before it becomes a file.</summary>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows, top first.</param>
/// <param name="Channels">1 (gray) or 3 (red, green, blue).</param>
/// <param name="Samples">[height, width, channels], 0 is black and 65535 white.</param>
public sealed record Picture(int Width, int Height, int Channels, ushort[] Samples)
{
    /// <summary>A sample's upper eight bits; of a gray picture every channel is the same.</summary>
    public byte Byte(int x, int y, int channel) => (byte)(Word(x, y, channel) >> 8);

    /// <summary>A sample; of a gray picture every channel is the same.</summary>
    public ushort Word(int x, int y, int channel) => Samples[(((y * Width) + x) * Channels) + Math.Min(channel, Channels - 1)];

    /// <summary>The picture with three channels.</summary>
    public Picture ToColour()
    {
        if (Channels == 3) return this;
        ushort[] samples = new ushort[3 * Samples.Length];
        for (int i = 0; i < samples.Length; i++) samples[i] = Samples[i / 3];
        return new Picture(Width, Height, 3, samples);
    }
}
