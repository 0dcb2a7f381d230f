using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>Zero-terminated UTF-8 copies of strings as a C array of pointers.</summary>
internal sealed unsafe class Utf8Array : IDisposable
{
    private readonly int _count;

    public Utf8Array(ReadOnlySpan<string> texts)
    {
        Pointer = (byte**)NativeMemory.AllocZeroed((nuint)Math.Max(texts.Length, 1), (nuint)sizeof(byte*));
        foreach (string text in texts) Pointer[_count++] = (byte*)Marshal.StringToCoTaskMemUTF8(text);
    }

    ~Utf8Array() => Free();

    public byte** Pointer { get; private set; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Pointer == null) return;
        for (int i = 0; i < _count; i++) Marshal.FreeCoTaskMem((nint)Pointer[i]);
        NativeMemory.Free(Pointer);
        Pointer = null;
    }
}
