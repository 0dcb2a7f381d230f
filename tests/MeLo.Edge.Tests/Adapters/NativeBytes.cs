using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests.Adapters;

/// <summary>Bytes in native memory at a chosen distance from a 64-byte boundary, with guards on both sides.</summary>
internal sealed unsafe class NativeBytes : IDisposable
{
    private const byte Guard = 0x80; // -128 is never a quantised weight
    private const int GuardLength = 64;
    private readonly byte* _block;

    public NativeBytes(long length, int misalignment)
    {
        Length = checked((int)length);
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)(Length + misalignment + (2 * GuardLength)), 64);
        Pointer = _block + GuardLength + misalignment;
        new Span<byte>(_block, Length + misalignment + (2 * GuardLength)).Fill(Guard);
    }

    public NativeBytes(ReadOnlySpan<byte> bytes, int misalignment = 0)
        : this(bytes.Length, misalignment) => bytes.CopyTo(Span);

    public byte* Pointer { get; }

    public int Length { get; }

    public Span<byte> Span => new(Pointer, Length);

    /// <summary>Whether the bytes around are as they were.</summary>
    public bool GuardsHold =>
        !new Span<byte>(_block, (int)(Pointer - _block)).ContainsAnyExcept(Guard) && !new Span<byte>(Pointer + Length, GuardLength).ContainsAnyExcept(Guard);

    public void Dispose() => NativeMemory.AlignedFree(_block);
}
