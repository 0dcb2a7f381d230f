namespace MeLo.Edge.Bundles;

/// <summary>Base64 as Protobuf's JSON form allows it: the standard or the URL-safe alphabet (RFC 4648, sections 4 and 5), padded or not.</summary>
internal static class Base64Text
{
    /// <summary>Decodes; false for a foreign character, both alphabets in one text, wrong padding, or bits that no byte uses.</summary>
    public static bool TryDecode(string text, out byte[] bytes)
    {
        bytes = [];
        ReadOnlySpan<char> digits = text.AsSpan().TrimEnd('=');
        int padding = text.Length - digits.Length;
        if (digits.Length % 4 == 1 || (padding != 0 && (padding > 2 || text.Length % 4 != 0))) return false;
        if (digits.ContainsAny('+', '/') && digits.ContainsAny('-', '_')) return false;
        byte[] decoded = new byte[digits.Length * 6 / 8];
        int at = 0;
        int bits = 0;
        int pending = 0;
        foreach (char digit in digits)
        {
            int value = ValueOf(digit);
            if (value < 0) return false;
            pending = (pending << 6) | value;
            bits += 6;
            if (bits < 8) continue;
            bits -= 8;
            decoded[at++] = (byte)(pending >> bits);
            pending &= (1 << bits) - 1;
        }
        if (pending != 0) return false;
        bytes = decoded;
        return true;
    }

    private static int ValueOf(char digit) => digit switch
    {
        >= 'A' and <= 'Z' => digit - 'A',
        >= 'a' and <= 'z' => digit - 'a' + 26,
        >= '0' and <= '9' => digit - '0' + 52,
        '+' or '-' => 62,
        '/' or '_' => 63,
        _ => -1,
    };
}
