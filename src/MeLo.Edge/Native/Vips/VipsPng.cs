namespace MeLo.Edge.Native.Vips;

/// <summary>Pixels as a PNG file in memory: <c>pngsave_buffer</c>.</summary>
internal static unsafe class VipsPng
{
    /// <summary>Writes a whole file, without metadata.</summary>
    /// <param name="samples">[height, width, bands], 8 bits each.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="bands">1 (gray) or 3 (red, green, blue).</param>
    /// <exception cref="VipsException">The library refused, or is missing.</exception>
    public static byte[] Save(ReadOnlySpan<byte> samples, int width, int height, int bands)
    {
        VipsApi api = VipsLibrary.Api;
        api.vips_error_clear();
        nint image = 0, operation = 0;
        try
        {
            fixed (byte* data = samples)
                image = api.vips_image_new_from_memory_copy(data, (nuint)samples.Length, width, height, bands, (int)VipsBandFormat.UChar);
            if (image == 0) throw Refused();
            fixed (byte* nickname = "pngsave_buffer"u8) operation = api.vips_operation_new(nickname);
            if (operation == 0) throw Refused();
            SetInput(api, operation, image);
            // Without them pictures with noise are a third larger.
            fixed (byte* name = "filter"u8)
            fixed (byte* all = "all"u8)
                if (api.vips_object_set_argument_from_string(operation, name, all) != 0) throw Refused();
            if (api.vips_cache_operation_buildp(&operation) != 0) throw Refused();
            return TakeBuffer(api, operation);
        }
        finally
        {
            if (operation != 0)
            {
                api.vips_object_unref_outputs(operation);
                api.g_object_unref(operation);
            }
            if (image != 0) api.g_object_unref(image);
        }
    }

    private static VipsException Refused() => VipsException.Operation("pngsave_buffer", VipsLibrary.TakeErrors());

    private static void SetInput(VipsApi api, nint operation, nint image)
    {
        GValue value = default;
        api.g_value_init(&value, api.vips_image_get_type());
        api.g_value_set_object(&value, image);
        fixed (byte* name = "in"u8) api.g_object_set_property(operation, name, &value);
        api.g_value_unset(&value);
    }

    private static byte[] TakeBuffer(VipsApi api, nint operation)
    {
        GValue value = default;
        api.g_value_init(&value, api.vips_blob_get_type());
        fixed (byte* name = "buffer"u8) api.g_object_get_property(operation, name, &value);
        nuint length;
        byte* bytes = api.vips_blob_get(api.g_value_get_boxed(&value), &length);
        byte[] file = new ReadOnlySpan<byte>(bytes, checked((int)length)).ToArray();
        api.g_value_unset(&value);
        return file;
    }
}
