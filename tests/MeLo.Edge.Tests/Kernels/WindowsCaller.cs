using MeLo.Edge.Kernels;
using MeLo.Edge.Native;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>
/// Runs code of Windows' calling convention under System V's, through a few instructions that turn one into the other and watch xmm6 to xmm15,
/// which are the caller's there.
/// </summary>
/// <typeparam name="TCall">The code's argument.</typeparam>
internal sealed unsafe class WindowsCaller<TCall>
    where TCall : unmanaged
{
    private const int FirstRegister = 6, Registers = 10, RegisterBytes = 16, WatchedBytes = Registers * RegisterBytes;

    private readonly delegate* unmanaged<byte*, void> _enter;

    public WindowsCaller(byte[] code)
    {
        _enter = (delegate* unmanaged<byte*, void>)ExecutableMemory.Place(Entered(code));
        Assert.True(_enter != null, "the system allows no executable memory");
    }

    public void Run(TCall call)
    {
        byte[] memory = GC.AllocateArray<byte>(sizeof(TCall) + (2 * WatchedBytes), pinned: true);
        Span<byte> before = memory.AsSpan(sizeof(TCall), WatchedBytes), after = memory.AsSpan(sizeof(TCall) + WatchedBytes);
        new Random(1).NextBytes(before);
        fixed (byte* at = memory)
        {
            *(TCall*)at = call;
            _enter(at);
        }
        Assert.True(before.SequenceEqual(after), "a register of the caller is not as it was");
    }

    // System V's first argument is rdi: fill the registers from behind the call, call the code with rcx, store them behind that.
    private static byte[] Entered(byte[] code)
    {
        X64Assembler enter = new(), leave = new();
        enter.Mov(Gpr.Rcx, Gpr.Rdi);
        for (int i = 0; i < Registers; i++)
        {
            enter.LoadXmm(FirstRegister + i, new Address(Gpr.Rdi, sizeof(TCall) + (RegisterBytes * i)));
            leave.StoreXmm(new Address(Gpr.Rdi, sizeof(TCall) + WatchedBytes + (RegisterBytes * i)), FirstRegister + i);
        }
        leave.Return();
        byte[] end = leave.Code;
        return [.. enter.Code, 0xE8, .. BitConverter.GetBytes(end.Length), .. end, .. code]; // call past the end
    }
}
