using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>
/// The tile in AVX-512 VNNI, as machine code written at start: .NET has no intrinsic for 512-bit <c>vpdpbusd</c>, and its 256-bit one asks
/// for another processor feature. Twenty-four registers hold sums; a quad of weights is loaded once for six rows.
/// </summary>
internal static unsafe class ByteTileCode
{
    private const int Vectors = PackedMatrix.PanelColumns / 16, VectorBytes = 64;

    // The loops' bodies: four quads each turn, then one.
    private const int TurnQuads = 4, GroupTurns = PackedMatrix.GroupRows / PackedMatrix.QuadRows / TurnQuads;

    // Registers after the sums: one quad of weights, then activations in turn.
    private const int FirstWeight = TileCall.MaxRows * Vectors, FirstActivation = FirstWeight + Vectors, Activations = 32 - FirstActivation;

    // Intel's manual, volume 2A, CPUID leaf 7, ECX.
    private const int Avx512Vnni = 1 << 11;

    /// <summary>Whether the processor has the instructions.</summary>
    public static bool IsSupported { get; } = TileCode.HasFeatureLeaf && (X86Base.CpuId(7, 0).Ecx & Avx512Vnni) != 0;

    /// <summary>The code for 1 to <see cref="TileCall.MaxRows"/> rows, from index 0; null where it cannot run.</summary>
    public static delegate* unmanaged[SuppressGCTransition]<TileCall*, void>* Entries { get; } = IsSupported
        ? (delegate* unmanaged[SuppressGCTransition]<TileCall*, void>*)TileCode.Place(TileCall.MaxRows, (i, windows) => Write(i + 1, windows))
        : null;

    /// <summary>Writes the code for a number of rows.</summary>
    /// <param name="rows">1 to <see cref="TileCall.MaxRows"/>.</param>
    /// <param name="windows">Whether for Windows' calling convention instead of System V's.</param>
    public static byte[] Write(int rows, bool windows)
    {
        X64Assembler code = new();
        int saved = (int)Marshal.OffsetOf<TileCall>(nameof(TileCall.Saved));
        TileCode.Enter(code, windows, saved);
        code.Load(Gpr.Rax, Field(nameof(TileCall.Bytes)));
        code.Load(Gpr.R9, Field(nameof(TileCall.Weights)));
        code.Load(Gpr.R11, Field(nameof(TileCall.Next)));

        code.Load(Gpr.R10, Field(nameof(TileCall.GroupsBefore)));
        code.Test(Gpr.R10);
        int last = code.JumpIfZero();
        int group = code.Here;
        Begin(code, rows);
        code.Mov(Gpr.R10, GroupTurns);
        Turns(code, rows, TurnQuads);
        FinishGroup(code, rows);
        for (int i = 0; i < rows * Vectors; i++) code.Vmovups(new Address(Gpr.R8, i * VectorBytes), i);
        code.Load(Gpr.R10, Field(nameof(TileCall.GroupsBefore)));
        code.Add(Gpr.R10, -1);
        code.Store(Field(nameof(TileCall.GroupsBefore)), Gpr.R10);             // leaves the flags as they are
        code.JumpIfNotZero(group);

        code.Land(last);
        Begin(code, rows);
        Turns(code, rows, TurnQuads, nameof(TileCall.FourQuads));
        Turns(code, rows, quads: 1, nameof(TileCall.OddQuads));
        FinishGroup(code, rows);
        Finish(code, rows);

        TileCode.Leave(code, windows, saved);
        return code.Code;
    }

    // rax: the first row's bytes, rdx: the fourth's, r8: from row to row
    private static void Begin(X64Assembler code, int rows)
    {
        for (int i = 0; i < rows * Vectors; i++) code.Vpxord(i, i, i);
        code.Load(Gpr.R8, Field(nameof(TileCall.RowBytes)));
        code.Mov(Gpr.Rdx, Gpr.Rax);
        for (int i = 0; i < 3; i++) code.Add(Gpr.Rdx, Gpr.R8);
    }

    private static void Turns(X64Assembler code, int rows, int quads, string count)
    {
        code.Load(Gpr.R10, Field(count));
        code.Test(Gpr.R10);
        int none = code.JumpIfZero();
        Turns(code, rows, quads);
        code.Land(none);
    }

    // r9: weights, r10: turns left, r11: what to fetch
    private static void Turns(X64Assembler code, int rows, int quads)
    {
        int turn = code.Here;
        if (quads == TurnQuads)
        {
            code.PrefetchT1(Gpr.R11);
            code.Add(Gpr.R11, VectorBytes);
        }
        for (int quad = 0; quad < quads; quad++)
        {
            for (int v = 0; v < Vectors; v++) code.Vmovdqu32(FirstWeight + v, new Address(Gpr.R9, ((quad * Vectors) + v) * VectorBytes));
            for (int row = 0; row < rows; row++)
            {
                int activation = FirstActivation + (row % Activations);
                Address at = new(row < 3 ? Gpr.Rax : Gpr.Rdx, quad * PackedMatrix.QuadRows);
                if (row % 3 != 0) at = at with { Index = Gpr.R8, Scale = row % 3 };
                code.Vpbroadcastd(activation, at);
                for (int v = 0; v < Vectors; v++) code.Vpdpbusd((row * Vectors) + v, activation, FirstWeight + v);
            }
        }
        code.Add(Gpr.R9, quads * Vectors * VectorBytes);
        code.Add(Gpr.Rax, quads * PackedMatrix.QuadRows);
        code.Add(Gpr.Rdx, quads * PackedMatrix.QuadRows);
        code.Add(Gpr.R10, -1);
        code.JumpIfNotZero(turn);
    }

    // What TileCall says, for every row and column; r8 then points to the sums so far, everything else to the next group's.
    private static void FinishGroup(X64Assembler code, int rows)
    {
        const int Scales = FirstWeight, Sums = FirstActivation;
        LoadNext(code, Scales, nameof(TileCall.ColumnScales));
        LoadNext(code, Sums, nameof(TileCall.Sums));
        for (int v = 0; v < Vectors; v++) code.Vmulps(Sums + v, Sums + v, Scales + v);
        code.Load(Gpr.R10, Field(nameof(TileCall.Scales)));
        for (int i = 0; i < rows * Vectors; i++)
        {
            code.Vcvtdq2ps(i, i);
            code.VmulpsBroadcast(i, i, new Address(Gpr.R10, i / Vectors * sizeof(float)));
        }

        code.Load(Gpr.R8, Field(nameof(TileCall.Partial)));
        code.Load(Gpr.Rdx, Field(nameof(TileCall.Begun)));
        code.Test(Gpr.Rdx);
        int first = code.JumpIfZero();
        for (int i = 0; i < rows * Vectors; i++) code.Vfmadd213ps(i, Scales + (i % Vectors), new Address(Gpr.R8, i * VectorBytes));
        int begun = code.Jump();
        code.Land(first);
        code.Load(Gpr.Rdx, Field(nameof(TileCall.Bias)));
        for (int i = 0; i < rows * Vectors; i++) code.Vfmadd213ps(i, Scales + (i % Vectors), new Address(Gpr.Rdx, i % Vectors * VectorBytes));
        code.Store(Field(nameof(TileCall.Begun)), Gpr.Rcx);                    // anything but zero
        code.Land(begun);

        code.Load(Gpr.Rdx, Field(nameof(TileCall.Lows)));
        for (int i = 0; i < rows * Vectors; i++) code.Vfmadd231psBroadcast(i, Sums + (i % Vectors), new Address(Gpr.Rdx, i / Vectors * sizeof(float)));
        code.Add(Gpr.R10, Field(nameof(TileCall.RangeStride)));
        code.Store(Field(nameof(TileCall.Scales)), Gpr.R10);
        code.Add(Gpr.Rdx, Field(nameof(TileCall.RangeStride)));
        code.Store(Field(nameof(TileCall.Lows)), Gpr.Rdx);
    }

    // A group's vectors of the panel; the field then points to the next group's.
    private static void LoadNext(X64Assembler code, int register, string field)
    {
        code.Load(Gpr.R10, Field(field));
        for (int v = 0; v < Vectors; v++) code.Vmovdqu32(register + v, new Address(Gpr.R10, v * VectorBytes));
        code.Add(Gpr.R10, Vectors * VectorBytes);
        code.Store(Field(field), Gpr.R10);
    }

    // result = sums + residual
    private static void Finish(X64Assembler code, int rows)
    {
        code.Load(Gpr.R8, Field(nameof(TileCall.ResultStride)));
        code.Load(Gpr.R10, Field(nameof(TileCall.Residual)));
        code.Test(Gpr.R10);
        int none = code.JumpIfZero();
        for (int i = 0; i < rows * Vectors; i++)
        {
            code.Vaddps(i, i, new Address(Gpr.R10, i % Vectors * VectorBytes));
            if (i % Vectors == Vectors - 1) code.Add(Gpr.R10, Gpr.R8);
        }
        code.Land(none);
        code.Load(Gpr.R10, Field(nameof(TileCall.Result)));
        for (int i = 0; i < rows * Vectors; i++)
        {
            code.Vmovups(new Address(Gpr.R10, i % Vectors * VectorBytes), i);
            if (i % Vectors == Vectors - 1) code.Add(Gpr.R10, Gpr.R8);
        }
    }

    private static Address Field(string name) => new(Gpr.Rcx, (int)Marshal.OffsetOf<TileCall>(name));
}
