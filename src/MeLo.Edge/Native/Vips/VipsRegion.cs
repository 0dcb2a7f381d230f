using Microsoft.Win32.SafeHandles;

namespace MeLo.Edge.Native.Vips;

/// <summary><c>VipsRegion*</c>: a window on an image through which its rows are decoded, on the calling thread.</summary>
internal sealed unsafe class VipsRegion : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly VipsImage _image;
    private readonly int _width;

    public VipsRegion(VipsImage image)
        : base(ownsHandle: true)
    {
        _image = image;
        _width = image.Width;
        // The image, and with it the pin of the file, must outlive the region even when both are finalized.
        bool held = false;
        image.DangerousAddRef(ref held);
        SetHandle(VipsLibrary.Api.vips_region_new(image.DangerousGetHandle()));
        if (!IsInvalid) return;
        image.DangerousRelease();
        throw VipsException.Operation("vips_region_new", VipsLibrary.TakeErrors());
    }

    /// <summary>Decodes <paramref name="rows"/> rows from <paramref name="top"/> on. Loaders are sequential: ask top down, each row once.</summary>
    /// <exception cref="VipsException">The file is broken there.</exception>
    public VipsRows Fetch(int top, int rows)
    {
        nuint length;
        byte* data = VipsLibrary.Api.vips_region_fetch(handle, 0, top, _width, rows, &length);
        if (data == null) throw VipsException.Operation("vips_region_fetch", VipsLibrary.TakeErrors());
        return new VipsRows(data, checked((int)length));
    }

    protected override bool ReleaseHandle()
    {
        VipsLibrary.Api.g_object_unref(handle);
        _image.DangerousRelease();
        return true;
    }
}
