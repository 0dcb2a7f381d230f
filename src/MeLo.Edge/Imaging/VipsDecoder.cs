using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>Decodes with libvips, strip by strip, and reduces each strip to gray or RGB.</summary>
internal static class VipsDecoder
{
    // Bytes of decoded rows taken at once: stays in a core's second-level cache, large enough that the call does not count.
    private const int StripBytes = 1 << 18;

    // More samples a pixel than any known use; bounds a strip of one row.
    private const int MaxBands = 16;

    public static PixelBuffer Decode(ImageFormat format, ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        CheckedFile checkedFile = CheckedFile.Read(format, file, limits);
        int orientation = checkedFile.Orientation;
        try
        {
            using VipsImage image = VipsImage.Load(Loader(format), checkedFile.Bytes, checkedFile.FailOn);
            limits.CheckDimensions(format, image.Width, image.Height);
            if (image.Bands > MaxBands || image.Coding != VipsCoding.None || Colours(image) is not ColourModel model)
                throw ImageException.Broken(format, $"found {image.Bands} samples a pixel of {image.Interpretation}, expected gray, RGB or CMYK");
            PixelBuffer pixels = image.Format switch
            {
                VipsBandFormat.UChar => Read<byte, byte>(format, orientation, image, model, null),
                VipsBandFormat.UShort => Read<ushort, ushort>(format, orientation, image, model, null),
                VipsBandFormat.Short when model == ColourModel.Gray => Read<short, float>(format, orientation, image, model, Scale<short>(short.MaxValue)),
                VipsBandFormat.UInt => Read<uint, float>(format, orientation, image, model, Scale<uint>(uint.MaxValue)),
                VipsBandFormat.Int when model == ColourModel.Gray => Read<int, float>(format, orientation, image, model, Scale<int>(int.MaxValue)),
                VipsBandFormat.Float => Read<float, float>(format, orientation, image, model, null),
                _ => throw ImageException.Broken(format, $"found samples of type {image.Format}, expected unsigned or floating-point numbers, or gray ones of 16 or 32 bits"),
            };
            // Part of TIFF itself, not of EXIF: Pillow always applies it.
            return format == ImageFormat.Tiff ? Orientations.Apply(pixels) : pixels;
        }
        catch (VipsException e) when (e.IsLibraryFault)
        {
            throw ImageException.Library(e.Message, e);
        }
        catch (VipsException e)
        {
            throw ImageException.Broken(format, e.Message);
        }
    }

    private delegate void Widen<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to);

    private static VipsLoader Loader(ImageFormat format) => format switch
    {
        ImageFormat.Png => VipsLoader.Png,
        ImageFormat.Jpeg => VipsLoader.Jpeg,
        ImageFormat.Tiff => VipsLoader.Tiff,
        _ => VipsLoader.WebP,
    };

    private static ColourModel? Colours(VipsImage image) => (image.Interpretation, image.Bands) switch
    {
        (VipsInterpretation.BlackWhite or VipsInterpretation.Grey16, 1 or 2) => ColourModel.Gray,
        (VipsInterpretation.SRgb or VipsInterpretation.Rgb or VipsInterpretation.Rgb16 or VipsInterpretation.ScRgb, >= 3) => ColourModel.Rgb,
        (VipsInterpretation.Cmyk, >= 4) => ColourModel.Cmyk,
        _ => null,
    };

    // What is as large as a picture is rented: arrays of that size that live for one picture are collected with the whole heap, picture by picture,
    // and every collection stops the threads that run the model.
    private static PixelBuffer Read<TFrom, TTo>(ImageFormat format, int orientation, VipsImage image, ColourModel model, Widen<TFrom, TTo>? widen)
        where TFrom : unmanaged
        where TTo : unmanaged, System.Numerics.INumber<TTo>
    {
        (int width, int height, int bands) = (image.Width, image.Height, image.Bands);
        int channels = model == ColourModel.Gray ? 1 : 3;
        int rowBytes = width * bands * Marshal.SizeOf<TFrom>();
        int stripRows = Math.Clamp(StripBytes / rowBytes, 1, height);
        int length = checked(width * height * channels);
        TTo[] samples = ArrayPool<TTo>.Shared.Rent(length);
        TTo[]? widened = widen is null ? null : ArrayPool<TTo>.Shared.Rent(stripRows * width * bands);
        using (VipsRegion region = new(image))
        {
            for (int top = 0; top < height; top += stripRows)
            {
                int rows = Math.Min(stripRows, height - top);
                using VipsRows strip = region.Fetch(top, rows);
                ReadOnlySpan<TTo> source = widened is null ? MemoryMarshal.Cast<byte, TTo>(strip.Bytes) : widened.AsSpan(0, rows * width * bands);
                widen?.Invoke(MemoryMarshal.Cast<byte, TFrom>(strip.Bytes), widened);
                PixelReduction.Reduce(source, bands, model, samples.AsSpan(top * width * channels, rows * width * channels));
            }
        }
        if (widened is not null) ArrayPool<TTo>.Shared.Return(widened);
        if (samples is float[] singles && !TensorPrimitives.IsFiniteAll<float>(singles.AsSpan(0, length)))
            throw ImageException.Broken(format, "found samples that are not finite numbers");
        return new PixelBuffer(width, height, channels, samples, format, orientation, isRented: true);
    }

    private static Widen<T, float> Scale<T>(double white)
        where T : unmanaged, System.Numerics.INumber<T> => (from, to) =>
        {
            for (int i = 0; i < from.Length; i++) to[i] = (float)(double.CreateTruncating(from[i]) / white);
        };
}
