namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>The node that a kernel is made for (OrtKernelInfo*); valid while the kernel is being made.</summary>
internal readonly unsafe ref struct OrtKernelInfo(nint info)
{
    /// <summary>A whole-number attribute.</summary>
    /// <exception cref="OrtException">The node has no such attribute, or it is of another kind.</exception>
    public long Integer(string attribute)
    {
        using Utf8 name = new(attribute);
        long value;
        OrtException.ThrowIfFailed(OrtLibrary.Api.KernelInfoGetAttribute_int64(info, name.Pointer, &value));
        return value;
    }

    /// <summary>A floating-point attribute.</summary>
    /// <exception cref="OrtException">The node has no such attribute, or it is of another kind.</exception>
    public float Single(string attribute)
    {
        using Utf8 name = new(attribute);
        float value;
        OrtException.ThrowIfFailed(OrtLibrary.Api.KernelInfoGetAttribute_float(info, name.Pointer, &value));
        return value;
    }
}
