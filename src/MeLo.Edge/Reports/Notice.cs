using MeLo.Edge.Imaging;

namespace MeLo.Edge.Reports;

/// <summary>The words that a picture for people carries, white on black in its lower left corner: a picture that is copied somewhere else takes them along.</summary>
internal static class Notice
{
    /// <summary>The words.</summary>
    public const string Words = "NOT FOR DIAGNOSTIC USE";

    // As few lines as there is width for.
    private static readonly string[][] s_layouts = [[Words], ["NOT FOR", "DIAGNOSTIC USE"], ["NOT FOR", "DIAGNOSTIC", "USE"]];

    // A dot is this many pixels: with fewer than two the letters are hard to read, and more than six look like a headline.
    private const int SmallestDot = 2, LargestDot = 6, SidePerDot = 160;

    /// <summary>The picture with the words; larger than it was, to the right or downwards, where they would not fit in.</summary>
    /// <param name="picture">RGB, 8 bits.</param>
    public static PixelBuffer BurnInto(PixelBuffer picture)
    {
        int dot = Math.Clamp(Math.Max(picture.Width, picture.Height) / SidePerDot, SmallestDot, LargestDot), margin = 2 * dot;
        string[] lines = s_layouts.FirstOrDefault(l => WidthOf(l) <= picture.Width) ?? s_layouts[^1];
        int plateWidth = WidthOf(lines), plateHeight = (lines.Length * NoticeFont.Leading * dot) + (2 * margin) - (2 * dot);
        int width = Math.Max(picture.Width, plateWidth), height = Math.Max(picture.Height, plateHeight);
        byte[] pixels = new byte[3 * width * height];
        ReadOnlySpan<byte> samples = picture.Samples<byte>();
        for (int y = 0; y < picture.Height; y++) samples.Slice(3 * y * picture.Width, 3 * picture.Width).CopyTo(pixels.AsSpan(3 * y * width));
        int top = height - plateHeight;
        for (int y = 0; y < plateHeight; y++)
            for (int x = 0; x < plateWidth; x++)
                pixels.AsSpan(3 * (((top + y) * width) + x), 3).Fill(IsLit(x - margin, y - margin) ? byte.MaxValue : byte.MinValue);
        return PixelBuffer.FromBytes(width, height, 3, pixels);

        int WidthOf(string[] layout) => (layout.Max(l => l.Length) * NoticeFont.Advance * dot) - dot + (2 * margin);

        bool IsLit(int x, int y)
        {
            if (x < 0 || y < 0) return false;
            int line = y / dot / NoticeFont.Leading, row = y / dot % NoticeFont.Leading, place = x / dot / NoticeFont.Advance, column = x / dot % NoticeFont.Advance;
            return line < lines.Length && row < NoticeFont.Height && place < lines[line].Length && column < NoticeFont.Width && NoticeFont.HasDot(lines[line][place], column, row);
        }
    }
}
