using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>
/// A tile of a bfloat16 product with sums of binary32 (AVX-512 BF16), as machine code written at start: .NET has no intrinsic for
/// <c>vdpbf16ps</c>, which does twice as many multiplications as binary32's.
/// </summary>
internal static unsafe class PairTileCode
{
    /// <summary>The most rows of a tile.</summary>
    public const int MaxRows = 6;

    /// <summary>The most vectors of columns.</summary>
    public const int MaxVectors = PairTileCall.PanelColumns / 16;

    private const int VectorBytes = 64;

    // Registers after the sums: a pair of each column of B, then A's pairs in turn.
    private const int FirstB = MaxRows * MaxVectors, FirstA = FirstB + MaxVectors, As = 32 - FirstA;

    // Intel's manual, volume 2A, CPUID leaf 7, subleaf 1, EAX.
    private const int Avx512Bf16 = 1 << 5;

    /// <summary>Whether the processor has the instruction.</summary>
    public static bool IsSupported { get; } = TileCode.HasFeatureLeaf && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & Avx512Bf16) != 0;

    // By Index; null where it cannot run.
    private static readonly delegate* unmanaged[SuppressGCTransition]<PairTileCall*, void>* s_entries = IsSupported
        ? (delegate* unmanaged[SuppressGCTransition]<PairTileCall*, void>*)TileCode.Place(MaxRows * MaxVectors, (i, windows) => Write((i / MaxVectors) + 1, (i % MaxVectors) + 1, windows))
        : null;

    /// <summary>Whether tiles can be computed.</summary>
    public static bool CanRun => s_entries != null;

    /// <summary>Computes a tile.</summary>
    /// <param name="call">The call.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="vectors">1 to <see cref="MaxVectors"/>: sixteen columns each.</param>
    public static void Compute(PairTileCall* call, int rows, int vectors) => s_entries[Index(rows, vectors)](call);

    /// <summary>Writes the code for a size of tile.</summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="vectors">1 to <see cref="MaxVectors"/>.</param>
    /// <param name="windows">Whether for Windows' calling convention instead of System V's.</param>
    public static byte[] Write(int rows, int vectors, bool windows)
    {
        X64Assembler code = new();
        int saved = Offset(nameof(PairTileCall.Saved));
        TileCode.Enter(code, windows, saved);
        code.Load(Gpr.Rax, Field(nameof(PairTileCall.A)));
        code.Load(Gpr.R8, Field(nameof(PairTileCall.RowStride)));
        code.Load(Gpr.R9, Field(nameof(PairTileCall.B)));
        code.Load(Gpr.R10, Field(nameof(PairTileCall.Pairs)));
        code.Load(Gpr.R11, Field(nameof(PairTileCall.PairStride)));
        code.Mov(Gpr.Rdx, Gpr.Rax);                                            // rdx: the fourth row
        for (int i = 0; i < 3; i++) code.Add(Gpr.Rdx, Gpr.R8);
        for (int row = 0; row < rows; row++)
            for (int v = 0; v < vectors; v++) code.Vpxord(Sum(row, v), Sum(row, v), Sum(row, v));

        int turn = code.Here;
        for (int v = 0; v < vectors; v++) code.Vmovdqu32(FirstB + v, new Address(Gpr.R9, v * VectorBytes));
        for (int row = 0; row < rows; row++)
        {
            int a = FirstA + (row % As);
            Address at = new(row < 3 ? Gpr.Rax : Gpr.Rdx);
            if (row % 3 != 0) at = at with { Index = Gpr.R8, Scale = row % 3 };
            code.Vpbroadcastd(a, at);
            for (int v = 0; v < vectors; v++) code.Vdpbf16ps(Sum(row, v), a, FirstB + v);
        }
        code.Add(Gpr.Rax, Gpr.R11);
        code.Add(Gpr.Rdx, Gpr.R11);
        code.Add(Gpr.R9, PairTileCall.PanelColumns * sizeof(uint));
        code.Add(Gpr.R10, -1);
        code.JumpIfNotZero(turn);

        code.Load(Gpr.R10, Field(nameof(PairTileCall.Factors)));
        code.Test(Gpr.R10);
        int none = code.JumpIfZero();
        for (int row = 0; row < rows; row++)
            for (int v = 0; v < vectors; v++) code.VmulpsBroadcast(Sum(row, v), Sum(row, v), new Address(Gpr.R10, row * sizeof(float)));
        code.Land(none);
        code.Load(Gpr.R8, Field(nameof(PairTileCall.ResultStride)));
        code.Load(Gpr.R10, Field(nameof(PairTileCall.Result)));
        for (int row = 0; row < rows; row++)
        {
            for (int v = 0; v < vectors; v++) code.Vmovups(new Address(Gpr.R10, v * VectorBytes), Sum(row, v));
            code.Add(Gpr.R10, Gpr.R8);
        }
        TileCode.Leave(code, windows, saved);
        return code.Code;
    }

    private static int Sum(int row, int vector) => (row * MaxVectors) + vector;

    private static int Index(int rows, int vectors) => ((rows - 1) * MaxVectors) + vectors - 1;

    private static int Offset(string field) => (int)Marshal.OffsetOf<PairTileCall>(field);

    private static Address Field(string name) => new(Gpr.Rcx, Offset(name));
}
