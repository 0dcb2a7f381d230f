using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Vips;

/// <summary>
/// The functions of libvips 8 and of the GObject inside it that decoding, and writing PNG files, need, by their C names. The variadic API
/// (<c>vips_pngload()</c> and so on) cannot be called from here: its calling convention differs between systems.
/// </summary>
internal sealed unsafe class VipsApi
{
#pragma warning disable IDE1006, SA1300 // C names are kept
    // init.h, version.h, error.h
    public readonly delegate* unmanaged<byte*, int> vips_init;
    public readonly delegate* unmanaged<int, int> vips_version;
    public readonly delegate* unmanaged<byte*> vips_error_buffer_copy;
    public readonly delegate* unmanaged<void> vips_error_clear;

    // operation.h, object.h, vips.h: policy
    public readonly delegate* unmanaged<int, void> vips_block_untrusted_set;
    public readonly delegate* unmanaged<byte*, int, void> vips_operation_block_set;
    public readonly delegate* unmanaged<int, void> vips_cache_set_max;
    public readonly delegate* unmanaged<int, void> vips_concurrency_set;

    // operation.h, object.h, type.h: running an operation
    public readonly delegate* unmanaged<byte*, nint> vips_operation_new;
    public readonly delegate* unmanaged<nint, byte*, byte*, int> vips_object_set_argument_from_string;
    public readonly delegate* unmanaged<nint*, int> vips_cache_operation_buildp;
    public readonly delegate* unmanaged<nint, void> vips_object_unref_outputs;
    public readonly delegate* unmanaged<void*, void*, nuint, nint> vips_blob_new;
    public readonly delegate* unmanaged<nuint> vips_blob_get_type;
    public readonly delegate* unmanaged<nint, nuint*, byte*> vips_blob_get;
    public readonly delegate* unmanaged<nint, void> vips_area_unref;

    // image.h, header.h
    public readonly delegate* unmanaged<nuint> vips_image_get_type;
    public readonly delegate* unmanaged<void*, nuint, int, int, int, int, nint> vips_image_new_from_memory_copy;
    public readonly delegate* unmanaged<nint, int> vips_image_get_width;
    public readonly delegate* unmanaged<nint, int> vips_image_get_height;
    public readonly delegate* unmanaged<nint, int> vips_image_get_bands;
    public readonly delegate* unmanaged<nint, int> vips_image_get_format;
    public readonly delegate* unmanaged<nint, int> vips_image_get_coding;
    public readonly delegate* unmanaged<nint, int> vips_image_get_interpretation;

    // region.h
    public readonly delegate* unmanaged<nint, nint> vips_region_new;
    public readonly delegate* unmanaged<nint, int, int, int, int, nuint*, byte*> vips_region_fetch;

    // gobject.h, gvalue.h, gmem.h, gmessages.h
    public readonly delegate* unmanaged<nint, byte*, GValue*, void> g_object_set_property;
    public readonly delegate* unmanaged<nint, byte*, GValue*, void> g_object_get_property;
    public readonly delegate* unmanaged<nint, void> g_object_unref;
    public readonly delegate* unmanaged<GValue*, nuint, GValue*> g_value_init;
    public readonly delegate* unmanaged<GValue*, void> g_value_unset;
    public readonly delegate* unmanaged<GValue*, void*, void> g_value_set_boxed;
    public readonly delegate* unmanaged<GValue*, nint> g_value_get_boxed;
    public readonly delegate* unmanaged<GValue*, nint, void> g_value_set_object;
    public readonly delegate* unmanaged<GValue*, nint> g_value_dup_object;
    public readonly delegate* unmanaged<void*, void> g_free;
    public readonly delegate* unmanaged<delegate* unmanaged[Cdecl]<byte*, int, byte*, void*, void>, void*, nint> g_log_set_default_handler;
#pragma warning restore IDE1006, SA1300

    public VipsApi(nint library)
    {
        vips_init = (delegate* unmanaged<byte*, int>)Export(nameof(vips_init));
        vips_version = (delegate* unmanaged<int, int>)Export(nameof(vips_version));
        vips_error_buffer_copy = (delegate* unmanaged<byte*>)Export(nameof(vips_error_buffer_copy));
        vips_error_clear = (delegate* unmanaged<void>)Export(nameof(vips_error_clear));
        vips_block_untrusted_set = (delegate* unmanaged<int, void>)Export(nameof(vips_block_untrusted_set));
        vips_operation_block_set = (delegate* unmanaged<byte*, int, void>)Export(nameof(vips_operation_block_set));
        vips_cache_set_max = (delegate* unmanaged<int, void>)Export(nameof(vips_cache_set_max));
        vips_concurrency_set = (delegate* unmanaged<int, void>)Export(nameof(vips_concurrency_set));
        vips_operation_new = (delegate* unmanaged<byte*, nint>)Export(nameof(vips_operation_new));
        vips_object_set_argument_from_string =
            (delegate* unmanaged<nint, byte*, byte*, int>)Export(nameof(vips_object_set_argument_from_string));
        vips_cache_operation_buildp = (delegate* unmanaged<nint*, int>)Export(nameof(vips_cache_operation_buildp));
        vips_object_unref_outputs = (delegate* unmanaged<nint, void>)Export(nameof(vips_object_unref_outputs));
        vips_blob_new = (delegate* unmanaged<void*, void*, nuint, nint>)Export(nameof(vips_blob_new));
        vips_blob_get_type = (delegate* unmanaged<nuint>)Export(nameof(vips_blob_get_type));
        vips_blob_get = (delegate* unmanaged<nint, nuint*, byte*>)Export(nameof(vips_blob_get));
        vips_area_unref = (delegate* unmanaged<nint, void>)Export(nameof(vips_area_unref));
        vips_image_get_type = (delegate* unmanaged<nuint>)Export(nameof(vips_image_get_type));
        vips_image_new_from_memory_copy = (delegate* unmanaged<void*, nuint, int, int, int, int, nint>)Export(nameof(vips_image_new_from_memory_copy));
        vips_image_get_width = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_width));
        vips_image_get_height = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_height));
        vips_image_get_bands = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_bands));
        vips_image_get_format = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_format));
        vips_image_get_coding = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_coding));
        vips_image_get_interpretation = (delegate* unmanaged<nint, int>)Export(nameof(vips_image_get_interpretation));
        vips_region_new = (delegate* unmanaged<nint, nint>)Export(nameof(vips_region_new));
        vips_region_fetch = (delegate* unmanaged<nint, int, int, int, int, nuint*, byte*>)Export(nameof(vips_region_fetch));
        g_object_set_property = (delegate* unmanaged<nint, byte*, GValue*, void>)Export(nameof(g_object_set_property));
        g_object_get_property = (delegate* unmanaged<nint, byte*, GValue*, void>)Export(nameof(g_object_get_property));
        g_object_unref = (delegate* unmanaged<nint, void>)Export(nameof(g_object_unref));
        g_value_init = (delegate* unmanaged<GValue*, nuint, GValue*>)Export(nameof(g_value_init));
        g_value_unset = (delegate* unmanaged<GValue*, void>)Export(nameof(g_value_unset));
        g_value_set_boxed = (delegate* unmanaged<GValue*, void*, void>)Export(nameof(g_value_set_boxed));
        g_value_get_boxed = (delegate* unmanaged<GValue*, nint>)Export(nameof(g_value_get_boxed));
        g_value_set_object = (delegate* unmanaged<GValue*, nint, void>)Export(nameof(g_value_set_object));
        g_value_dup_object = (delegate* unmanaged<GValue*, nint>)Export(nameof(g_value_dup_object));
        g_free = (delegate* unmanaged<void*, void>)Export(nameof(g_free));
        g_log_set_default_handler =
            (delegate* unmanaged<delegate* unmanaged[Cdecl]<byte*, int, byte*, void*, void>, void*, nint>)Export(nameof(g_log_set_default_handler));

        void* Export(string name) => (void*)NativeLibrary.GetExport(library, name);
    }
}
