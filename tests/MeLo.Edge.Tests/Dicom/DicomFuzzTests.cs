using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Dicom;

/// <summary>
/// Mutations of every sample there is: each is decoded or refused, within the memory that its limits allow, and nothing else. A case is its number and the seed: <c>MELO_FUZZ_CASES</c> and
/// <c>MELO_FUZZ_SEED</c> run more of them, or others.
/// </summary>
public sealed class DicomFuzzTests
{
    private const int DefaultCases = 4_000;

    // Far over what any case takes, under what people call a hang on a busy machine.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private static readonly DecodeLimits s_limits = new() { MaxPixels = 1 << 22, MaxFileBytes = 8 << 20 };

    // A frame of the most pixels as stored (4 bytes, 3 samples) and as light, a table of 16 bits, the inflated file twice.
    private const long MostBytes = 160L << 20;

    [Fact]
    public async Task MutatedFiles_AreDecodedOrRefused()
    {
        int cases = Setting("MELO_FUZZ_CASES", DefaultCases), seed = Setting("MELO_FUZZ_SEED", 6), decoded = 0, next = 0;
        byte[][] samples = [.. Generated(), .. Shared()];
        (TimeSpan slowest, int slowestCase) = (TimeSpan.Zero, 0);
        Lock gate = new();
        Task[] workers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(() =>
        {
            for (int number; (number = Interlocked.Increment(ref next) - 1) < cases;)
            {
                byte[] file = Mutate(samples, number, seed);
                long before = GC.GetAllocatedBytesForCurrentThread();
                Stopwatch watch = Stopwatch.StartNew();
                bool isDecoded = Decode(file, number);
                long took = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(took < MostBytes, $"case {number} of seed {seed}: {took:N0} bytes");
                Assert.True(watch.Elapsed < s_patience, $"case {number} of seed {seed}: {watch.Elapsed}");
                lock (gate)
                {
                    if (isDecoded) decoded++;
                    if (watch.Elapsed > slowest) (slowest, slowestCase) = (watch.Elapsed, number);
                }
            }
        }))];
        await Task.WhenAll(workers);
        TestContext.Current.TestOutputHelper?.WriteLine($"{cases} cases of seed {seed} from {samples.Length} samples: {decoded} decoded; slowest {slowest.TotalMilliseconds:F0} ms, case {slowestCase}");
        Assert.InRange(decoded, cases / 20, cases - (cases / 20));
    }

    private static bool Decode(byte[] file, int number)
    {
        try
        {
            DicomFile dicom = DicomFile.Open(file, s_limits);
            DicomPixels pixels = new(dicom, s_limits); // what a process of its own decodes is not under test
            Assert.InRange((long)pixels.Description.Width * pixels.Description.Height, 1, s_limits.MaxPixels);
            DicomDecoder.Decode(dicom, pixels, pixels.Description.Frames - 1, DicomVoi.File).Return();
            return true;
        }
        catch (ImageException e)
        {
            Assert.True(e.IsFileAtFault, $"case {number}: {e.Message}");
            return false;
        }
    }

    private static byte[] Mutate(byte[][] samples, int number, int seed)
    {
        Random random = new(HashCode(seed, number));
        byte[] file = (byte[])samples[number % samples.Length].Clone();
        // Most of what matters is near the beginning; pixels are many.
        int head = Math.Min(file.Length, 4096);
        switch (random.Next(5))
        {
            case 0:
                for (int i = random.Next(1, 8); i > 0; i--) file[random.Next(head)] = (byte)random.Next(256);
                return file;
            case 1:
                for (int i = random.Next(1, 4); i > 0; i--) file[random.Next(file.Length)] ^= (byte)(1 << random.Next(8));
                return file;
            case 2:
                return file[..random.Next(file.Length)];
            case 3:
                // A length, or another number, at its extremes.
                int at = random.Next(Math.Max(1, head - 4));
                foreach (byte b in BitConverter.GetBytes(random.Next(4) switch { 0 => uint.MaxValue, 1 => 0u, 2 => 0x7FFFFFFFu, _ => (uint)random.Next(1 << 16) })) file[Math.Min(file.Length - 1, at++)] = b;
                return file;
            default:
                // A piece again, or of another file.
                byte[] other = samples[random.Next(samples.Length)];
                int from = random.Next(other.Length), length = Math.Min(other.Length - from, random.Next(1, 400)), to = random.Next(head);
                return [.. file[..to], .. other.AsSpan(from, length), .. file[to..]];
        }
    }

    // The same in every process, which System.HashCode is not.
    private static int HashCode(int seed, int number) => unchecked((int)((((ulong)(uint)seed << 32) | (uint)number) * 0x9E3779B97F4A7C15 >> 32));

    private static int Setting(string name, int value) => Environment.GetEnvironmentVariable(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : value;

    private static IEnumerable<byte[]> Generated()
    {
        short[] ramp = [.. Enumerable.Range(0, 64).Select(i => (short)(i * 37))];
        byte[] bytes = [.. Enumerable.Range(0, 192).Select(i => (byte)(i * 5))];
        yield return TestDicom.Gray(8, 8, ramp).File();
        yield return TestDicom.Gray(8, 8, ramp, isExplicit: false).File(TestDicom.Implicit);
        yield return TestDicom.Gray(8, 8, ramp, isBigEndian: true).File(TestDicom.BigEndian);
        yield return TestDicom.Gray(8, 8, ramp).File(TestDicom.Deflated);
        yield return TestDicom.Bytes(8, 8, 3, "RGB", bytes, planar: 1).File();
        yield return TestDicom.Header(8, 8, 1, "MONOCHROME2", frames: 3).Fragments([], [.. Enumerable.Repeat(TestDicom.PackFrame(bytes.AsSpan(0, 64), 1, 1), 3)]).File(TestDicom.RunLength);
        yield return TestDicom.Gray(8, 8, ramp, more: d => d
            .Sequence(0x00283000, isUndefined: true, i => i.Word(0x00283002, 3, -1, 16).Word(0x00283006, 10, 20, 40))
            .Sequence(0x52009230, isUndefined: true, i => i.Sequence(0x00289132, isUndefined: false, v => v.Text(0x00281050, "DS", "40").Text(0x00281051, "DS", "400")))).File();
    }

    // Those that a case can be made of quickly.
    private static IEnumerable<byte[]> Shared()
    {
        string root = Environment.GetEnvironmentVariable("MELO_SHARED") ?? Path.Combine(SharedData.RepositoryRoot, "..", "shared"), folder = Path.Combine(root, "data", "dicom");
        return Directory.Exists(folder)
            ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).Where(f => new FileInfo(f).Length is > 256 and < 1 << 20 && !f.EndsWith(".safetensors", StringComparison.Ordinal) && !f.EndsWith(".tsv", StringComparison.Ordinal)).Select(File.ReadAllBytes)
            : [];
    }
}
