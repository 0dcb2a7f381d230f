using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Vips;

/// <summary>gvalue.h: a typed value; 24 bytes, all zero before <c>g_value_init</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GValue
{
#pragma warning disable CS0169 // filled by the library only
    private nuint _type;
    private ulong _data0;
    private ulong _data1;
#pragma warning restore CS0169
}
