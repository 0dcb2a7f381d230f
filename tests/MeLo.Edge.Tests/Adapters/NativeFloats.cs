using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests.Adapters;

/// <summary>Floats in native memory at a chosen distance from a 64-byte boundary, with guards on both sides.</summary>
internal sealed unsafe class NativeFloats : IDisposable
{
    private const float Guard = -12345.5f;
    private const int GuardLength = 16;
    private readonly float* _block;

    public NativeFloats(int length, int misalignment)
    {
        Length = length;
        _block = (float*)NativeMemory.AlignedAlloc((nuint)((length + misalignment + (2 * GuardLength)) * sizeof(float)), 64);
        Pointer = _block + GuardLength + misalignment;
        new Span<float>(_block, length + misalignment + (2 * GuardLength)).Fill(Guard);
    }

    public float* Pointer { get; }

    public int Length { get; }

    public Span<float> Span => new(Pointer, Length);

    /// <summary>Whether the floats around are as they were.</summary>
    public bool GuardsHold =>
        !new Span<float>(_block, (int)(Pointer - _block)).ContainsAnyExcept(Guard) && !new Span<float>(Pointer + Length, GuardLength).ContainsAnyExcept(Guard);

    public void Dispose() => NativeMemory.AlignedFree(_block);
}
