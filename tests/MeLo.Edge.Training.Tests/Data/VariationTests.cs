using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class VariationTests
{
    private const int Size = 17;

    [Fact]
    public void MirroredLeftAndRight_IsExactlyThat()
    {
        float[] picture = Picture(1);
        float[] mirrored = [.. Enumerable.Range(0, Size * Size).Select(i => picture[(i / Size * Size) + (Size - 1 - (i % Size))])];
        AssertEitherOf(new Augmentation { FlipHorizontal = true }, picture, mirrored);
    }

    [Fact]
    public void MirroredUpAndDown_IsExactlyThat()
    {
        float[] picture = Picture(1);
        float[] mirrored = [.. Enumerable.Range(0, Size * Size).Select(i => picture[((Size - 1 - (i / Size)) * Size) + (i % Size)])];
        AssertEitherOf(new Augmentation { FlipVertical = true }, picture, mirrored);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void EveryKindTogether_IsWhatAPlainComputationGives(int channels)
    {
        Augmentation augmentation = new() { FlipHorizontal = true, FlipVertical = true, MaxRotationDegrees = 45, MinCrop = 0.4, Brightness = 0.2, Contrast = 0.3, Gamma = 0.5 };
        for (ulong seed = 0; seed < 50; seed++)
        {
            float[] picture = Picture(channels), varied;
            float[] expected = Plain(augmentation, picture, channels, seed);
            varied = Apply(augmentation, Size, seed, picture, channels);
            // The curve is steep beside black where it brightens: there its steps show.
            for (int i = 0; i < varied.Length; i++) Assert.Equal(expected[i], varied[i], expected[i] < 0.1 ? 5e-3f : 3e-4f);
        }
    }

    [Fact]
    public void ATurnByARightAngle_MovesTheMarkWhereItBelongs()
    {
        // Of many drawings up to 180 degrees, some are near a right angle: a mark right of the centre then lies below it, or above.
        Augmentation augmentation = new() { MaxRotationDegrees = 180 };
        int near = 0;
        for (ulong seed = 0; seed < 500; seed++)
        {
            double degrees = Degrees(augmentation, seed);
            if (Math.Abs(Math.Abs(degrees) - 90) > 1) continue;
            near++;
            float[] picture = new float[Size * Size];
            picture[(Size / 2 * Size) + Size - 3] = 1;
            float[] turned = Apply(augmentation, Size, seed, picture);
            int at = Array.IndexOf(turned, turned.Max());
            // Output comes from the place that is turned by the angle, so that the picture turns by its negative.
            Assert.Equal(degrees > 0 ? (2, Size / 2) : (Size - 3, Size / 2), (at / Size, at % Size));
        }
        Assert.InRange(near, 1, 20);
    }

    [Fact]
    public void Drawings_StayWithinTheirRanges_AndUseThem()
    {
        Augmentation augmentation = new() { Brightness = 0.1 };
        List<double> shifts = [];
        for (ulong seed = 0; seed < 2000; seed++)
        {
            float[] varied = Apply(augmentation, Size, SplitMix64.Seed(9, seed), [.. Enumerable.Repeat(0.5f, Size * Size)]);
            Assert.All(varied, v => Assert.Equal(varied[0], v));
            shifts.Add(varied[0] - 0.5);
        }
        Assert.InRange(shifts.Min(), -0.1001, -0.098);
        Assert.InRange(shifts.Max(), 0.098, 0.1001);
        Assert.InRange(shifts.Average(), -0.005, 0.005);
    }

    [Fact]
    public void SwitchingOneKindOff_LeavesTheOthers()
    {
        Augmentation all = new() { MaxRotationDegrees = 20, Brightness = 0.1 }, less = new() { MaxRotationDegrees = 20 };
        Assert.Equal(Degrees(all, 4), Degrees(less, 4));
        // Far enough from black and white for nothing to be cut off.
        float[] flat = [.. Enumerable.Repeat(0.5f, Size * Size)], picture = [.. Picture(1).Select(v => 0.2f + (0.6f * v))];
        float shift = Apply(all with { MaxRotationDegrees = 0 }, Size, 4, flat)[0] - 0.5f;
        float[] other = Apply(less, Size, 4, picture), one = Apply(all, Size, 4, picture);
        Assert.NotInRange(shift, -1e-4f, 1e-4f);
        for (int i = 0; i < one.Length; i++) Assert.Equal(other[i] + shift, one[i], 2e-4f);
    }

    [Fact]
    public void None_IsNone_AndTextsTellThemApart()
    {
        Assert.True(new Augmentation().IsNone);
        Assert.Equal("none", Augmentation.None.ToString());
        Assert.Equal("flip horizontal, rotate up to 10 degrees, crop to 0.8 of the area, brightness 0.1, contrast 0.2, gamma 0.1", Augmentation.Default.ToString());
        Assert.Empty(Augmentation.Default.Faults());
        Assert.Equal(5, new Augmentation { MaxRotationDegrees = -1, MinCrop = 0, Brightness = 2, Contrast = 1, Gamma = double.NaN }.Faults().Count());
    }

    [Fact]
    public void APictureOfOnePixel_StaysWhereItIs()
    {
        float[] varied = Apply(new Augmentation { FlipHorizontal = true, MaxRotationDegrees = 90 }, 1, 3, [0.25f]);
        Assert.Equal(0.25f, varied[0], 1e-7f);
    }

    private static void AssertEitherOf(Augmentation augmentation, float[] same, float[] mirrored)
    {
        int mirroredCount = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            float[] varied = Apply(augmentation, Size, seed, same);
            if (varied.SequenceEqual(mirrored)) mirroredCount++;
            else Assert.Equal(same, varied);
        }
        Assert.InRange(mirroredCount, 70, 130);
    }

    private static float[] Picture(int channels)
    {
        SplitMix64 random = new(11);
        float[] picture = new float[channels * Size * Size];
        // Whole levels, which pass through unchanged.
        for (int i = 0; i < picture.Length; i++) picture[i] = random.Below(256) * (1f / 255);
        return picture;
    }

    private static float[] Apply(Augmentation augmentation, int size, ulong seed, float[] picture, int channels = 1)
    {
        ushort[] levels = new ushort[picture.Length];
        float[] scratch = new float[picture.Length], varied = new float[picture.Length];
        PreparedLevels.Quantise(picture, levels);
        Variation.Draw(augmentation, size, seed).Apply(levels, channels, scratch, varied);
        return varied;
    }

    private static double Degrees(Augmentation augmentation, ulong seed)
    {
        SplitMix64 random = new(seed);
        random.Unit();
        random.Unit();
        return ((2 * random.Unit()) - 1) * augmentation.MaxRotationDegrees;
    }

    // Each step on its own, in double precision: curve, then for every output the place it comes from, by rotation, scale, mirror and shift in turn.
    private static float[] Plain(Augmentation a, float[] picture, int channels, ulong seed)
    {
        SplitMix64 random = new(seed);
        bool isMirrored = random.Unit() < 0.5, isUpsideDown = random.Unit() < 0.5;
        double angle = Signed() * a.MaxRotationDegrees * Math.PI / 180;
        double scale = Math.Sqrt(a.MinCrop + ((1 - a.MinCrop) * random.Unit())), room = Size * (1 - scale) / 2;
        double shiftX = Signed() * room, shiftY = Signed() * room;
        double power = Math.Pow(1 + a.Gamma, Signed()), gain = 1 + (Signed() * a.Contrast), brightness = Signed() * a.Brightness;
        double[] curved = [.. picture.Select(v => Math.Clamp(((Math.Pow(v, power) - 0.5) * gain) + 0.5 + brightness, 0, 1))];
        float[] result = new float[picture.Length];
        double centre = (Size - 1) / 2.0;
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < Size; y++)
            {
                for (int x = 0; x < Size; x++)
                {
                    double u = (x - centre) * scale * (isMirrored ? -1 : 1), v = (y - centre) * scale * (isUpsideDown ? -1 : 1);
                    double fromX = Math.Clamp((u * Math.Cos(angle)) - (v * Math.Sin(angle)) + centre + shiftX, 0, Size - 1);
                    double fromY = Math.Clamp((u * Math.Sin(angle)) + (v * Math.Cos(angle)) + centre + shiftY, 0, Size - 1);
                    double sum = 0;
                    for (int j = 0; j < Size; j++)
                        for (int i = 0; i < Size; i++)
                            sum += Math.Max(0, 1 - Math.Abs(i - fromX)) * Math.Max(0, 1 - Math.Abs(j - fromY)) * curved[(((c * Size) + j) * Size) + i];
                    result[(((c * Size) + y) * Size) + x] = (float)sum;
                }
            }
        }
        return result;

        double Signed() => (2 * random.Unit()) - 1;
    }
}
