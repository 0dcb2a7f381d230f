using System.Numerics;

namespace MeLo.Edge.Tests.Models;

/// <summary>Whole blocks of 64 values times Hadamard's matrix as its definition has it: element (i, j) is -1 to the number of ones that i and j share in binary.</summary>
internal static class Hadamard
{
    /// <param name="values">What lies behind the last whole block stays as it is.</param>
    /// <param name="divisor">What the products are divided by.</param>
    public static double[] Turned(double[] values, double divisor = 1) =>
        [.. values.Chunk(64).SelectMany(block => block.Length < 64 ? block : [.. Enumerable.Range(0, 64).Select(i => block.Select((v, j) => Sign(i, j) * v).Sum() / divisor)])];

    public static int Sign(int i, int j) => BitOperations.PopCount((uint)(i & j)) % 2 == 0 ? 1 : -1;
}
