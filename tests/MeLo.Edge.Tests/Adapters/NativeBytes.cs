using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests.Adapters;

/// <summary>Signed bytes in native memory at a chosen distance from a 64-byte boundary, with guards on both sides.</summary>
internal sealed unsafe class NativeBytes : IDisposable
{
    private const sbyte Guard = -128; // never a quantised weight
    private const int GuardLength = 64;
    private readonly sbyte* _block;

    public NativeBytes(int length, int misalignment)
    {
        Length = length;
        _block = (sbyte*)NativeMemory.AlignedAlloc((nuint)(length + misalignment + (2 * GuardLength)), 64);
        Pointer = _block + GuardLength + misalignment;
        new Span<sbyte>(_block, length + misalignment + (2 * GuardLength)).Fill(Guard);
    }

    public sbyte* Pointer { get; }

    public int Length { get; }

    public Span<sbyte> Span => new(Pointer, Length);

    /// <summary>Whether the bytes around are as they were.</summary>
    public bool GuardsHold =>
        !new Span<sbyte>(_block, (int)(Pointer - _block)).ContainsAnyExcept(Guard) && !new Span<sbyte>(Pointer + Length, GuardLength).ContainsAnyExcept(Guard);

    public void Dispose() => NativeMemory.AlignedFree(_block);
}
