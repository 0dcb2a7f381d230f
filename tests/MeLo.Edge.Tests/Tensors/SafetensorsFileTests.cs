using System.Text;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Tensors;

public sealed class SafetensorsFileTests
{
    [Fact]
    public void HandMadeFile_IsReadTensorByTensor()
    {
        byte[] bytes = HandMadeFile.Of(
            $"{{\"__metadata__\":{{\"format\":\"pt\"}},{HandMadeFile.Entry("b", "I8", "[3]", 4, 7)},{HandMadeFile.Entry("a", "F32", "[]", 0, 4)},{HandMadeFile.Entry("none", "F32", "[0,5]", 7, 7)}}}   ",
            [0, 0, 0x80, 0x3F, 1, 0xFF, 3]);
        using SafetensorsFile file = SafetensorsFile.Parse(bytes, "test");
        Assert.Equal(["b", "a", "none"], file.Tensors.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal([1f], file["a"].ToSingles());
        Assert.Equal("[]", file["a"].ShapeText);
        Assert.Equal(1, file["a"].ElementCount);
        Assert.Equal([1, 0xFF, 3], file["b"].Bytes.ToArray());
        Assert.Equal(bytes.Length - 3, file["b"].Offset);
        Assert.Equal((0, 0), (file["none"].ElementCount, file["none"].ByteLength));
        Assert.Contains("'c': is missing", Assert.Throws<SafetensorsException>(() => file["c"]).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("F32", "0000803F000000C0", new[] { 1f, -2f })]
    [InlineData("F16", "003C00C00100FF7B", new[] { 1f, -2f, 5.9604645e-8f, 65504f })]
    [InlineData("BF16", "803F00C07F7F", new[] { 1f, -2f, 3.3895314e38f })]
    [InlineData("F64", "000000000000F03F", new[] { 1f })]
    public void FloatTypes_WidenToSingles(string type, string hex, float[] expected)
    {
        byte[] data = Convert.FromHexString(hex);
        using SafetensorsFile file = SafetensorsFile.Parse(HandMadeFile.Of($"{{{HandMadeFile.Entry("t", type, $"[{expected.Length}]", 0, data.Length)}}}", data), "test");
        Assert.Equal(expected, file["t"].ToSingles());
        float[] tail = new float[expected.Length - 1];
        file["t"].CopyTo(tail, 1);
        Assert.Equal(expected[1..], tail);
        Assert.Throws<ArgumentOutOfRangeException>(() => file["t"].CopyTo(tail, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => file["t"].CopyTo(tail, -1));
        Assert.Throws<ArgumentException>(() => file["t"].CopyTo(new float[expected.Length + 1]));
        Assert.True(file["t"].IsFinite());
    }

    [Theory]
    [InlineData("F32", "0000807F")]
    [InlineData("F32", "0000C0FF")]
    [InlineData("F16", "007C")]
    [InlineData("BF16", "C07F")]
    [InlineData("F64", "000000000000F0FF")]
    public void InfinitiesAndNaN_AreNotFinite(string type, string hex)
    {
        byte[] data = Convert.FromHexString(hex);
        using SafetensorsFile file = SafetensorsFile.Parse(HandMadeFile.Of($"{{{HandMadeFile.Entry("t", type, "[1]", 0, data.Length)}}}", data), "test");
        Assert.False(file["t"].IsFinite());
    }

    [Theory]
    [InlineData("I8", 1), InlineData("U8", 1), InlineData("BOOL", 1), InlineData("I16", 2), InlineData("U16", 2)]
    [InlineData("I32", 4), InlineData("U32", 4), InlineData("I64", 8), InlineData("U64", 8)]
    public void IntegerTypes_AreReadAsBytes_NotAsSingles(string type, int size)
    {
        using SafetensorsFile file = SafetensorsFile.Parse(HandMadeFile.Of($"{{{HandMadeFile.Entry("t", type, "[2]", 0, 2 * size)}}}", 2 * size), "test");
        Assert.Equal(2 * size, file["t"].Bytes.Length);
        Assert.Contains($"'t': found elements of type {type}", Assert.Throws<SafetensorsException>(file["t"].ToSingles).Message, StringComparison.Ordinal);
        Assert.True(file["t"].IsFinite());
    }

    [Fact]
    public void DataThatLiesUnaligned_IsReadRight()
    {
        // A header of odd length puts the floats at an odd address.
        for (int padding = 0; padding < 8; padding++)
        {
            byte[] bytes = HandMadeFile.Of($"{{{HandMadeFile.Entry("t", "F32", "[2]", 0, 8)}}}{new string(' ', padding)}", [0, 0, 0x80, 0x3F, 0, 0, 0x80, 0x7F]);
            using SafetensorsFile file = SafetensorsFile.Parse(bytes, "test");
            Assert.Equal([1f, float.PositiveInfinity], file["t"].ToSingles());
            Assert.False(file["t"].IsFinite());
        }
    }

    public static TheoryData<string, int, string> HostileHeaders => new()
    {
        { "", 0, "does not start with '{'" },
        { " {}", 0, "does not start with '{'" },
        { "[]", 0, "does not start with '{'" },
        { "{", 0, "not the JSON object" },
        { "{}x", 0, "not the JSON object" },
        { "{}{}", 0, "not the JSON object" },
        { "{\"a\"}", 0, "not the JSON object" },
        { "{\"a\":1}", 0, "'a': its header entry is not an object" },
        { "{\"a\":{}}", 0, "'a': expected dtype, shape and two data_offsets" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "'a': expected dtype" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "'a': expected dtype" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, "'a': expected dtype" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "unknown or repeated member 'x'" },
        { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown or repeated member 'dtype'" },
        { "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "not the JSON object" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "'a': shape is not an array" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "'a': shape holds something" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "'a': shape holds something" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[[1]],\"data_offsets\":[0,4]}}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[-1]", 0, 4) + "}", 4, "'a': shape holds something" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) + "}", 4, "'a': shape has more than 8" },
        { "{" + HandMadeFile.Entry("a", "F33", "[1]", 0, 4) + "}", 4, "'a': found the unknown dtype 'F33'" },
        { "{" + HandMadeFile.Entry("a", "f32", "[1]", 0, 4) + "}", 4, "'a': found the unknown dtype 'f32'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 4, 0) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 0, 8) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[2]", 0, 8) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[2]", 0, 4) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", -4, 0) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[9223372036854775807,2]", 0, 4) + "}", 4, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[4294967296,4294967296]", 0, 0) + "}", 0, "'a'" },
        { "{" + HandMadeFile.Entry("a", "F32", "[9223372036854775808]", 0, 4) + "}", 4, "'a': shape holds something" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 0, 4) + "," + HandMadeFile.Entry("a", "F32", "[1]", 4, 8) + "}", 8, "'a': appears twice" },
        { "{\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}," + HandMadeFile.Entry("a", "U8", "[0]", 0, 0) + "}", 0, "'a': appears twice" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 0, 4) + "," + HandMadeFile.Entry("b", "F32", "[1]", 0, 4) + "}", 4, "'b': its data starts at 0, inside another tensor that ends at 4" },
        { "{" + HandMadeFile.Entry("a", "F32", "[2]", 0, 8) + "," + HandMadeFile.Entry("b", "F32", "[2]", 4, 12) + "}", 12, "'b': its data starts at 4, inside" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 0, 4) + "," + HandMadeFile.Entry("b", "F32", "[1]", 8, 12) + "}", 12, "'b': its data starts at 8, which leaves a gap after 4" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 4, 8) + "}", 8, "'a': its data starts at 4, which leaves a gap" },
        { "{" + HandMadeFile.Entry("a", "F32", "[1]", 0, 4) + "}", 5, "found 5 bytes of data, expected the 4" },
        { "{}", 1, "found 1 bytes of data, expected the 0" },
        { "{\"__metadata__\":1}", 0, "'__metadata__': is not an object" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "'__metadata__': 'a' is not a string" },
        { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "'__metadata__': 'a' appears twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "'__metadata__': appears twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", 4, "not the JSON object" },
        { "{/*c*/}", 0, "not the JSON object" },
        { "{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "not the JSON object" },
        { "{\"a\":{\"dtype\":\"\\ud800\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "not the JSON object" },
    };

    [Theory]
    [MemberData(nameof(HostileHeaders))]
    public void HostileHeader_IsRefusedWithItsReason(string header, int dataLength, string reason)
    {
        SafetensorsException refusal = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(HandMadeFile.Of(header, dataLength), "hostile").Dispose());
        Assert.StartsWith("hostile: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BytesThatAreNotUtf8_AreRefused()
    {
        byte[] header = [(byte)'{', (byte)'"', 0xFF, 0xFE, (byte)'"', .. ":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"u8];
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(HandMadeFile.Of(header, []), "hostile").Dispose());
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(100_000_001UL)]
    [InlineData((ulong)int.MaxValue + 1)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(ulong.MaxValue)]
    [InlineData(ulong.MaxValue - 7)]
    public void HeaderLengthBeyondTheFile_IsRefusedBeforeItIsUsed(ulong length) =>
        Assert.Contains($"header length of {length}", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(BitConverter.GetBytes(length), "hostile").Dispose()).Message, StringComparison.Ordinal);

    [Fact]
    public void DeeplyNestedHeader_IsRefused()
    {
        string header = $"{{\"a\":{string.Concat(Enumerable.Repeat("[", 100_000))}";
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(HandMadeFile.Of(header, 0), "hostile").Dispose());
    }

    [Fact]
    public void MappedFile_IsReadAsTheSameBytesInMemoryAre_AndRefusedAlike()
    {
        using TemporaryFolder folder = new();
        byte[] bytes = Sample();
        File.WriteAllBytes(folder["a.safetensors"], bytes);
        using (SafetensorsFile mapped = SafetensorsFile.Open(folder["a.safetensors"]))
        using (SafetensorsFile parsed = SafetensorsFile.Parse(bytes, "a"))
        {
            Assert.Equal("a.safetensors", mapped.Source);
            Assert.Equal(parsed.Tensors.Keys, mapped.Tensors.Keys);
            Assert.All(parsed.Tensors.Values, t => Assert.Equal(t.Bytes, mapped[t.Name].Bytes));
        }
        foreach (int length in (int[])[0, 1, 7, 8, 9, bytes.Length - 1])
        {
            File.WriteAllBytes(folder["b.safetensors"], bytes[..length]);
            Assert.StartsWith("b.safetensors: ", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder["b.safetensors"]).Dispose()).Message, StringComparison.Ordinal);
            File.Delete(folder["b.safetensors"]); // not held open by the refusal
        }
        Assert.Throws<FileNotFoundException>(() => SafetensorsFile.Open(folder["absent"]).Dispose());
    }

    [Fact]
    public void TruncationAtEveryLength_IsRefused()
    {
        byte[] bytes = Sample();
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(bytes.AsMemory(0, length), "cut").Dispose());
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Parse(new byte[bytes.Length + 1].Select((_, i) => i < bytes.Length ? bytes[i] : (byte)0).ToArray(), "long").Dispose());
    }

    [Fact]
    public void EveryFlippedBit_IsReadOrRefused_NeverMore()
    {
        byte[] bytes = Sample();
        for (int i = 0; i < bytes.Length; i++)
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] flipped = (byte[])bytes.Clone();
                flipped[i] ^= (byte)(1 << bit);
                ReadAll(flipped);
            }
    }

    [Fact]
    public void RandomBytesInTheHeader_AreReadOrRefused_NeverMore()
    {
        byte[] bytes = Sample();
        int headerEnd = 8 + BitConverter.ToInt32(bytes);
        Random random = new(11);
        string alphabet = "{}[]\",:0123456789eE-+.\\u \u00e9abcF";
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = (byte[])bytes.Clone();
            for (int n = random.Next(1, 6); n > 0; n--) changed[random.Next(8, headerEnd)] = (byte)alphabet[random.Next(alphabet.Length)];
            ReadAll(changed);
        }
    }

    [Fact]
    public void ViewAfterClosing_IsRefused()
    {
        SafetensorsFile file = SafetensorsFile.Parse(Sample(), "closed");
        TensorView view = file["weight"];
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => view.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(view.ToSingles);
    }

    /// <summary>Every tensor of a small real file; what comes is a refusal or numbers within the file's bytes.</summary>
    private static void ReadAll(byte[] bytes)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Parse(bytes, "fuzz");
            foreach (TensorView tensor in file.Tensors.Values)
            {
                Assert.InRange(tensor.Offset + tensor.ByteLength, 8, bytes.Length);
                Assert.Equal(tensor.ElementCount * tensor.Type.Size(), tensor.Bytes.Length);
                if (tensor.Type.IsFloat()) Assert.Equal(tensor.ElementCount, tensor.ToSingles().Length);
                tensor.IsFinite();
            }
        }
        catch (SafetensorsException)
        {
            // A refusal is an answer; any other exception fails the test.
        }
    }

    private static byte[] Sample()
    {
        string header = $"{{\"__metadata__\":{{\"format\":\"pt\"}},{HandMadeFile.Entry("weight", "F32", "[2,3]", 0, 24)},{HandMadeFile.Entry("half", "F16", "[3]", 24, 30)},{HandMadeFile.Entry("é", "I64", "[1]", 30, 38)}}}";
        return HandMadeFile.Of(Encoding.UTF8.GetBytes(header), [.. Enumerable.Range(0, 38).Select(i => (byte)(i * 5))]);
    }
}
