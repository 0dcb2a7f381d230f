namespace MeLo.Edge.Imaging;

/// <summary>Turns pictures upright: the eight orientations of EXIF 2.32 and TIFF 6.0, tag 274.</summary>
internal static class Orientations
{
    /// <summary>The same picture with its orientation applied, itself when it is upright.</summary>
    public static PixelBuffer Apply(PixelBuffer image) => image.Orientation == 1 ? image : image.Depth switch
    {
        SampleDepth.Bits8 => Turn(image, image.Samples<byte>()),
        SampleDepth.Bits16 => Turn(image, image.Samples<ushort>()),
        _ => Turn(image, image.Samples<float>()),
    };

    private static PixelBuffer Turn<T>(PixelBuffer image, ReadOnlySpan<T> source)
        where T : unmanaged
    {
        (int width, int height, int channels) = (image.Width, image.Height, image.Channels);
        bool transposed = image.Orientation >= 5;
        (int outWidth, int outHeight) = transposed ? (height, width) : (width, height);
        // 2, 3, 6, 7: the stored row runs against the upright one's horizontal; 3, 4, 7, 8: against its vertical.
        bool mirrorX = image.Orientation is 2 or 3 or 6 or 7, mirrorY = image.Orientation is 3 or 4 or 7 or 8;
        T[] turned = GC.AllocateUninitializedArray<T>(source.Length);
        int to = 0;
        for (int y = 0; y < outHeight; y++)
        {
            for (int x = 0; x < outWidth; x++)
            {
                int u = mirrorX ? outWidth - 1 - x : x, v = mirrorY ? outHeight - 1 - y : y;
                int from = (transposed ? (u * width) + v : (v * width) + u) * channels;
                for (int c = 0; c < channels; c++) turned[to++] = source[from + c];
            }
        }
        return new PixelBuffer(outWidth, outHeight, channels, turned, image.Format);
    }
}
