namespace MeLo.Edge.Reports;

/// <summary>Letters of 5 x 7 dots, as many as the notice needs, so that no font has to be installed.</summary>
internal static class NoticeFont
{
    /// <summary>The dots of a letter.</summary>
    public const int Width = 5, Height = 7;

    /// <summary>From one letter to the next, and from one line to the next, in dots.</summary>
    public const int Advance = Width + 1, Leading = Height + 2;

    // A row a number, the leftmost dot in the highest of five bits.
    private static readonly Dictionary<char, byte[]> s_letters = new()
    {
        ['A'] = [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        ['C'] = [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
        ['D'] = [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
        ['E'] = [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        ['F'] = [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000],
        ['G'] = [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01111],
        ['I'] = [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        ['N'] = [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001],
        ['O'] = [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        ['R'] = [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        ['S'] = [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        ['T'] = [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        ['U'] = [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
    };

    /// <summary>Whether a letter has a dot there.</summary>
    public static bool HasDot(char letter, int column, int row) => letter != ' ' && (s_letters[letter][row] >> (Width - 1 - column) & 1) != 0;
}
