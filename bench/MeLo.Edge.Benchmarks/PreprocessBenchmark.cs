using System.Buffers.Binary;
using System.CommandLine;
using System.IO.Compression;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Benchmarks;

/// <summary>What comes before the model: decoding a file and preparing its pixels, on one thread.</summary>
internal static class PreprocessBenchmark
{
    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 30);
        Argument<FileInfo[]> files = new("files") { Description = "Image files to measure besides the generated PNG ones.", Arity = ArgumentArity.ZeroOrMore };
        Command command = new("preprocess", "Decoding and preparing pictures: generated ones, and files of your own.");
        options.AddTo(command);
        // What looks like an option and is none would be taken for a file.
        files.Validators.Add(result =>
        {
            foreach (string found in result.Tokens.Select(t => t.Value).Where(name => !File.Exists(name)))
                result.AddError(found.StartsWith('-') ? $"found '{found}', expected an option of 'preprocess' (it runs on the processor alone) or an image file." : $"found no file '{found}', expected an image file.");
        });
        command.Arguments.Add(files);
        command.SetAction(result => Run(options.Read(result), result.GetValue(files) ?? []));
        return command;
    }

    private static int Run(BenchmarkOptions.Settings settings, FileInfo[] files)
    {
        Report report = new("preprocess", settings);
        Measure(report, settings, "png8_512", Png(512, bitDepth: 8, colourType: 2, channels: 3));
        Measure(report, settings, "png8_2048", Png(2048, bitDepth: 8, colourType: 2, channels: 3));
        Measure(report, settings, "png16_2000", Png(2000, bitDepth: 16, colourType: 0, channels: 1));
        foreach (FileInfo file in files) Measure(report, settings, Path.GetFileNameWithoutExtension(file.Name), File.ReadAllBytes(file.FullName));
        Progress.Clear();
        report.Print();
        return 0;
    }

    private static void Measure(Report report, BenchmarkOptions.Settings settings, string name, byte[] file)
    {
        Samples decode = new(), prepare = new();
        float[] tensor = new float[PreprocessRecipe.Half.TensorLength];
        for (int round = -3; round < settings.Rounds; round++)
        {
            Progress.Show($"{name}: round {Math.Max(0, round + 1)} of {settings.Rounds}");
            PixelBuffer? image = null;
            (round < 0 ? new Samples() : decode).Time(() => image = RasterDecoder.Decode(file));
            (round < 0 ? new Samples() : prepare).Time(() => Preprocessing.Apply(image!, PreprocessRecipe.Half, tensor));
        }
        PixelBuffer shown = RasterDecoder.Decode(file);
        report.Add($"{name}_decode_ms", decode.Median, $"{shown.Format}, {shown.Width} x {shown.Height} x {shown.Channels}, {shown.Depth}")
            .Add($"{name}_prepare_ms", prepare.Median, "to [3, 224, 224], bicubic");
    }

    // Waves with noise in the low bits, as a photograph compresses.
    public static byte[] Png(int side, int bitDepth, int colourType, int channels, int seed = 1)
    {
        Random random = new(seed);
        int bytes = bitDepth / 8, rowLength = 1 + (side * channels * bytes);
        byte[] rows = new byte[side * rowLength];
        for (int y = 0; y < side; y++)
        {
            for (int i = 0; i < side * channels; i++)
            {
                double wave = 0.5 + (0.4 * Math.Sin(i / channels * 0.02) * Math.Cos(y * 0.03));
                int value = (int)(wave * ((1 << bitDepth) - 1)) ^ random.Next(1 << (bitDepth / 4));
                int at = (y * rowLength) + 1 + (i * bytes);
                if (bytes == 2) BinaryPrimitives.WriteUInt16BigEndian(rows.AsSpan(at), (ushort)value);
                else rows[at] = (byte)value;
            }
        }
        using MemoryStream pixels = new();
        using (ZLibStream zlib = new(pixels, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(rows);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, side);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), side);
        (header[8], header[9]) = ((byte)bitDepth, (byte)colourType);
        return [0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, pixels.ToArray()), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        name.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.Of(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }
}
