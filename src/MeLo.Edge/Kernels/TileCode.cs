using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Native;

namespace MeLo.Edge.Kernels;

/// <summary>How the machine code of tiles begins and ends, and where it is placed. Its one argument, a call, is in rcx from the start to the end.</summary>
internal static unsafe class TileCode
{
    /// <summary>The bytes of what Windows' callers keep in vector registers: xmm6 to xmm15.</summary>
    public const int SavedBytes = SavedRegisters * 16;

    /// <summary>Whether there is AVX-512, and CPUID's leaf 7 to ask for what .NET knows nothing of.</summary>
    public static bool HasFeatureLeaf { get; } = Avx512BW.IsSupported && X86Base.X64.IsSupported && X86Base.CpuId(0, 0).Eax >= 7;

    private const int FirstSaved = 6, SavedRegisters = 10;

    private const int LineBytes = 64;
    private const byte Breakpoint = 0xCC;

    /// <summary>The first instructions.</summary>
    /// <param name="code">Where they go.</param>
    /// <param name="windows">Whether for Windows' calling convention instead of System V's.</param>
    /// <param name="saved">Where in the call there is room of <see cref="SavedBytes"/>.</param>
    public static void Enter(X64Assembler code, bool windows, int saved)
    {
        if (!windows) code.Mov(Gpr.Rcx, Gpr.Rdi);
        for (int i = 0; windows && i < SavedRegisters; i++) code.StoreXmm(new Address(Gpr.Rcx, saved + (i * 16)), FirstSaved + i);
    }

    /// <summary>The last ones.</summary>
    public static void Leave(X64Assembler code, bool windows, int saved)
    {
        for (int i = 0; windows && i < SavedRegisters; i++) code.LoadXmm(FirstSaved + i, new Address(Gpr.Rcx, saved + (i * 16)));
        code.Vzeroupper();
        code.Return();
    }

    /// <summary>Places several codes for this system's convention together, each at the start of a cache line.</summary>
    /// <param name="count">How many.</param>
    /// <param name="write">Writes the code of an index.</param>
    /// <returns>Their entries, by index, for the life of the process, to be called as <c>delegate* unmanaged[SuppressGCTransition]&lt;T*, void&gt;</c> with the call's type; null where the system allows no such memory.</returns>
    public static void** Place(int count, Func<int, bool, byte[]> write)
    {
        List<byte> all = [];
        int[] starts = new int[count];
        for (int i = 0; i < count; i++)
        {
            while (all.Count % LineBytes != 0) all.Add(Breakpoint);
            starts[i] = all.Count;
            all.AddRange(write(i, OperatingSystem.IsWindows()));
        }
        byte* placed = (byte*)ExecutableMemory.Place(CollectionsMarshal.AsSpan(all));
        if (placed == null) return null;
        void** entries = (void**)NativeMemory.Alloc((nuint)count, (nuint)sizeof(void*));
        for (int i = 0; i < count; i++) entries[i] = placed + starts[i];
        return entries;
    }
}
