using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>A lookup table (PS3.3, C.11.1.1): entries for whole numbers from a first one on; below it the first entry holds, above the last one the last.</summary>
internal sealed class LookupTable
{
    private readonly ushort[] _entries;
    private readonly int _first;

    private LookupTable(ushort[] entries, int first, int bits) => (_entries, _first, Bits) = (entries, first, bits);

    /// <summary>The bits of an entry, 8 to 16.</summary>
    public int Bits { get; }

    /// <summary>The entry for a number.</summary>
    public ushort this[double value] => _entries[(int)Math.Clamp(Math.Round(value) - _first, 0, _entries.Length - 1)];

    /// <summary>Reads a table.</summary>
    /// <param name="set">The data set that has it.</param>
    /// <param name="descriptor">Number of entries, first number, bits an entry.</param>
    /// <param name="data">The entries.</param>
    /// <param name="isSigned">Whether the first number may be negative where the file does not say.</param>
    /// <exception cref="ImageException">It is incomplete.</exception>
    public static LookupTable Read(DicomDataSet set, DicomTag descriptor, DicomTag data, bool isSigned)
    {
        ushort[] words = set.Words(descriptor);
        if (words.Length != 3 || set.Find(data) is not { } element) throw Broken($"found no complete lookup table {descriptor}, expected three numbers and its entries {data}");
        int count = words[0] == 0 ? 1 << 16 : words[0], bits = words[2];
        if (bits is < 8 or > 16) throw Broken($"found a lookup table of {bits} bits, expected 8 to 16");
        ushort[] entries = new ushort[count];
        ReadOnlySpan<byte> bytes = element.Value.Span;
        // Entries of 8 bits lie two in a word, or one.
        if (bits == 8 && bytes.Length < count * sizeof(ushort))
        {
            if (bytes.Length < count) throw Short(bytes.Length, count);
            bool isSwapped = element.Encoding.IsBigEndian && element.Vr == DicomVr.Ow;
            for (int i = 0; i < count; i++) entries[i] = bytes[isSwapped && (i ^ 1) < bytes.Length ? i ^ 1 : i];
        }
        else
        {
            if (bytes.Length < count * sizeof(ushort)) throw Short(bytes.Length, count * sizeof(ushort));
            for (int i = 0; i < count; i++) entries[i] = element.Encoding.U16(bytes[(i * sizeof(ushort))..]);
        }
        int most = (1 << bits) - 1, over = Array.FindIndex(entries, entry => entry > most);
        if (over >= 0) throw Broken($"found {entries[over]} in a lookup table of {bits} bits, expected at most {most}");
        bool first = set.Find(descriptor)!.Value.Vr switch { DicomVr.Ss => true, DicomVr.Us => false, _ => isSigned };
        return new LookupTable(entries, first ? (short)words[1] : words[1], bits);

        ImageException Short(int found, int expected) => Broken($"found a lookup table of {found} bytes, expected {expected} for its {count} entries");
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
