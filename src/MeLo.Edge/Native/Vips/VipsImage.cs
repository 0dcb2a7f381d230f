using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace MeLo.Edge.Native.Vips;

/// <summary>
/// <c>VipsImage*</c> over a file in memory: its header is read, its pixels are not yet decoded. Owns the reference and the pin that keeps
/// the file where it is.
/// </summary>
internal sealed unsafe class VipsImage : SafeHandleZeroOrMinusOneIsInvalid
{
    private MemoryHandle _file;

    internal VipsImage()
        : base(ownsHandle: true)
    {
    }

    public int Width => VipsLibrary.Api.vips_image_get_width(handle);

    public int Height => VipsLibrary.Api.vips_image_get_height(handle);

    public int Bands => VipsLibrary.Api.vips_image_get_bands(handle);

    public VipsBandFormat Format => (VipsBandFormat)VipsLibrary.Api.vips_image_get_format(handle);

    public VipsInterpretation Interpretation => (VipsInterpretation)VipsLibrary.Api.vips_image_get_interpretation(handle);

    public VipsCoding Coding => (VipsCoding)VipsLibrary.Api.vips_image_get_coding(handle);

    /// <summary>Runs a loader over <paramref name="file"/>. Pixels are decoded as <see cref="VipsRegion"/> asks for rows, top down.</summary>
    /// <exception cref="VipsException">The loader refused the file's header.</exception>
    public static VipsImage Load(VipsLoader loader, ReadOnlyMemory<byte> file, VipsFailOn failOn)
    {
        VipsApi api = VipsLibrary.Api;
        VipsImage image = new() { _file = file.Pin() };
        nint operation = 0;
        // Files that were accepted leave text behind as well.
        api.vips_error_clear();
        try
        {
            fixed (byte* nickname = loader.Nickname) operation = api.vips_operation_new(nickname);
            if (operation == 0) throw VipsException.Operation(loader.ToString(), VipsLibrary.TakeErrors());
            SetBuffer(api, operation, image._file.Pointer, (nuint)file.Length);
            SetOption(api, operation, "access"u8, "sequential"u8);
            SetOption(api, operation, "fail-on"u8, failOn == VipsFailOn.Warning ? "warning"u8 : "error"u8);
            // libvips takes its default from the environment variable VIPS_UNLIMITED; the limits are not the environment's to lift.
            if (loader.HasUnlimited) SetOption(api, operation, "unlimited"u8, "false"u8);
            if (api.vips_cache_operation_buildp(&operation) != 0) throw VipsException.Operation(loader.ToString(), VipsLibrary.TakeErrors());
            image.SetHandle(GetImage(api, operation));
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
        finally
        {
            if (operation != 0)
            {
                api.vips_object_unref_outputs(operation);
                api.g_object_unref(operation);
            }
        }
    }

    protected override bool ReleaseHandle()
    {
        VipsLibrary.Api.g_object_unref(handle);
        _file.Dispose();
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        // An invalid handle is never released, and would leave the file pinned.
        if (IsInvalid) _file.Dispose();
        base.Dispose(disposing);
    }

    private static void SetBuffer(VipsApi api, nint operation, void* data, nuint length)
    {
        nint blob = api.vips_blob_new(null, data, length);
        GValue value = default;
        api.g_value_init(&value, api.vips_blob_get_type());
        api.g_value_set_boxed(&value, (void*)blob);
        fixed (byte* name = "buffer"u8) api.g_object_set_property(operation, name, &value);
        api.g_value_unset(&value);
        api.vips_area_unref(blob);
    }

    private static void SetOption(VipsApi api, nint operation, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* nameText = name)
        fixed (byte* valueText = value)
        {
            if (api.vips_object_set_argument_from_string(operation, nameText, valueText) != 0)
                throw VipsException.Operation("setting an option", VipsLibrary.TakeErrors());
        }
    }

    private static nint GetImage(VipsApi api, nint operation)
    {
        GValue value = default;
        api.g_value_init(&value, api.vips_image_get_type());
        fixed (byte* name = "out"u8) api.g_object_get_property(operation, name, &value);
        nint image = api.g_value_dup_object(&value);
        api.g_value_unset(&value);
        return image;
    }
}
